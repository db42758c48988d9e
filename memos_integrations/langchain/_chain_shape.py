"""A chain with memory as LangChain looks at it from outside: types, schemas, a drawing."""

from typing import Any

from langchain_core.prompts import BasePromptTemplate
from langchain_core.runnables import ConfigurableFieldSpec, Runnable, RunnableConfig
from langchain_core.runnables.graph import Graph
from pydantic import BaseModel, create_model

__all__ = ["Shaped"]


class Shaped(Runnable[Any, Any]):
    """Takes what `runnable` takes, but for the member `memory_key`, and gives what it gives."""

    def __init__(self, runnable: Runnable[Any, Any], memory_key: str) -> None:
        self._runnable, self._memory_key = runnable, memory_key

    @property
    def InputType(self) -> Any:  # noqa: N802 - LangChain's name
        """What may be handed in."""
        return self._runnable.InputType

    @property
    def OutputType(self) -> Any:  # noqa: N802 - LangChain's name
        """What comes out."""
        return self._runnable.OutputType

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """What may be configured in the chain."""
        return self._runnable.config_specs

    def get_input_schema(self, config: RunnableConfig | None = None) -> Any:
        """The chain's schema without the member that is filled in here."""
        schema = self._runnable.get_input_schema(config)
        if not issubclass(schema, BaseModel) or self._memory_key not in schema.model_fields:
            return schema
        rest = {name: (of.annotation, of) for name, of in schema.model_fields.items() if name != self._memory_key}
        return create_model(schema.__name__, **rest)  # type: ignore[call-overload]

    def get_output_schema(self, config: RunnableConfig | None = None) -> Any:
        """The chain's own."""
        return self._runnable.get_output_schema(config)

    def get_prompts(self, config: RunnableConfig | None = None) -> list[BasePromptTemplate[Any]]:
        """The chain's own."""
        return self._runnable.get_prompts(config)

    def get_graph(self, config: RunnableConfig | None = None) -> Graph:
        """The chain's own drawing, with memory before it."""
        graph = Graph()
        given, memory = graph.add_node(self.get_input_schema(config)), graph.add_node(self)
        graph.add_edge(given, memory)
        inner = self._runnable.get_graph(config)
        inner.trim_first_node()
        first, _ = graph.extend(inner)
        if first is not None:
            graph.add_edge(memory, first)
        return graph

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._runnable!r})"
