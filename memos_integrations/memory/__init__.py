"""What a conversation does with MemOS, whatever the framework: scope, recall, prompt, record."""
