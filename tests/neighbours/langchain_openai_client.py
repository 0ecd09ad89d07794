"""langchain-openai: a chat, several at once, a stream, a schema, embeddings."""

from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel


class Person(BaseModel):
    name: str


model = ChatOpenAI(model="gpt-4o-mini")
assert model.invoke("hello").content == "hello"
assert [one.content for one in model.batch(["a", "b"])] == ["a", "b"]
assert model.with_structured_output(Person).invoke("hello there").name
assert "".join(str(part.content) for part in model.stream("hello")) == "hello"
assert OpenAIEmbeddings(check_embedding_ctx_length=False).embed_query("hello")
