"""What LlamaIndex asks a model in its own words: templates and schemas, which are no speech of the user's."""

from collections.abc import AsyncGenerator, Generator
from typing import Any

from llama_index.core.llms.custom import CustomLLM
from llama_index.core.program.utils import FlexibleModel
from llama_index.core.prompts import BasePromptTemplate, ChatPromptTemplate, PromptTemplate
from llama_index.core.types import Model, TokenAsyncGen, TokenGen

from memos_integrations.llama_index._messages import text_of

__all__ = ["Prompting"]

_WORDS = "{query_str}"  # as engines call what the user said


class Prompting:
    """A model whose prompts from templates are not written; LlamaIndex asks `chat` for them, which writes. What ends
    with the user's words alone, as ContextChatEngine's templates do, is no prompt but a chat.

    No model itself, so that LlamaIndex's instrumentation sees one span for a call.
    """

    def _unwriting(self) -> CustomLLM:
        """The model as it answers prompts."""
        raise NotImplementedError

    def _prompted(self, prompt: BasePromptTemplate) -> CustomLLM:
        return self if isinstance(self, CustomLLM) and _is_the_user_s(prompt) else self._unwriting()

    def predict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """The answer to a template, which is not written."""
        return CustomLLM.predict(self._prompted(prompt), prompt, **prompt_args)

    async def apredict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """The same without blocking the loop."""
        return await CustomLLM.apredict(self._prompted(prompt), prompt, **prompt_args)

    def stream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> TokenGen:
        """The answer to a template as it is made."""
        return CustomLLM.stream(self._prompted(prompt), prompt, **prompt_args)

    async def astream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> TokenAsyncGen:
        """The same without blocking the loop."""
        return await CustomLLM.astream(self._prompted(prompt), prompt, **prompt_args)

    def structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """The answer as an instance of `output_cls`; neither is the prompt written, which holds a schema."""
        made: Model = CustomLLM.structured_predict(self._unwriting(), output_cls, prompt, llm_kwargs, **prompt_args)
        return made

    async def astructured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """The same without blocking the loop."""
        made = CustomLLM.astructured_predict(self._unwriting(), output_cls, prompt, llm_kwargs, **prompt_args)
        given: Model = await made
        return given

    def stream_structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Model | FlexibleModel, None, None]:
        """What is known of the instance so far, as it is made."""
        return CustomLLM.stream_structured_predict(self._unwriting(), output_cls, prompt, llm_kwargs, **prompt_args)

    async def astream_structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Model | FlexibleModel, None]:
        """The same without blocking the loop."""
        told = CustomLLM.astream_structured_predict(self._unwriting(), output_cls, prompt, llm_kwargs, **prompt_args)
        return await told


def _is_the_user_s(prompt: BasePromptTemplate) -> bool:
    messages = prompt.message_templates if isinstance(prompt, ChatPromptTemplate) else []
    return bool(messages) and text_of(messages[-1]) == _WORDS
