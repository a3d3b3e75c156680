"""The service that one writes first: FastAPI around a ``transformers`` pipeline, nothing else.

Run: ``python -m benchmarks.load_peer PORT [MODEL_FOLDER]``. Without a folder the model is a random one of
the shape of the shipped model (4 layers of 512) with its vocabulary and one head, where ours has six.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHAPE = {
    "hidden_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "intermediate_size": 2048,
    "num_labels": 3,
}


def main() -> None:
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel
    from transformers import pipeline

    class Body(BaseModel):
        texts: list[str]

    model, tokenizer = _model(sys.argv[2] if len(sys.argv) > 2 else None)
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, device=-1)
    app = FastAPI()

    def analyze(body: Body) -> dict[str, object]:
        return {"results": classify(body.texts, truncation=True, max_length=256)}

    analyze.__annotations__["body"] = Body  # a local class: its name cannot be looked up later
    app.post("/v1/analyze")(analyze)

    @app.get("/readyz")
    def ready() -> dict[str, str]:
        return {"status": "ok"}

    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


def _model(folder: str | None) -> tuple[object, object]:
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        BertConfig,
        BertForSequenceClassification,
        PreTrainedTokenizerFast,
    )

    if folder is not None:
        return (
            AutoModelForSequenceClassification.from_pretrained(folder),
            AutoTokenizer.from_pretrained(folder),
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(ROOT / "nlp" / "models" / "small" / "tokenizer.json"),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )
    return BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), **SHAPE)), tokenizer


if __name__ == "__main__":
    main()
