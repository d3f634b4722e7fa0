"""What becomes of what a model says: words about the picture and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexsearch.captioners.prompts import PROMPTS
from lexsearch.captioners.wording import NoSight, caption_of
from lexsearch.errors import CaptionerError, ViewRefused
from lexsearch.text.answers import answer_of, storable

ASKED = PROMPTS["captions"]

SAID = [
    # white space of every kind
    ("A golden\u202fretriever\u00a0puppy beside a boat.\rBlue\u3000sky",
     "A golden retriever puppy beside a boat.\nBlue sky"),
    ("a\u2028b\u2029c\x85d\u200be\tf\u2003g", "a\nb\nc\nd e f g"),
    ("a dog\\nA cat", "a dog\nA cat"),
    # thinking
    ("<think>Is it a zebra?</think>\n\nA brown bear.", "A brown bear."),
    ("The user asks. A zebra?\n</think>\nA brown bear.", "A brown bear."),
    ("<|channel|>analysis<|message|>maybe zebra<|end|><|start|>assistant<|channel|>final"
     "<|message|>A brown bear.", "A brown bear."),
    ("[THINK]zebra[/THINK]A bear.", "A bear."),
    ("◁think▷zebra◁/think▷A bear.", "A bear."),
    # tokens, turns and echoes
    ("A brown bear.<|im_end|>\n<|im_start|>user\nWhat colour is the zebra?", "A brown bear."),
    ("A brown bear.<|eot_id|>assistant\n\nA zebra", "A brown bear."),
    (f"USER: \n{ASKED} ASSISTANT: A brown bear.</s>", "A brown bear."),
    (f"<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\nA bear.<|im_end|>", "A bear."),
    (f"{ASKED}\nA bear.", "A bear."),
    ("<start_of_turn>model\nA bear.<end_of_turn>", "A bear."),
    ("A cat on a mat.\n\nUser: What else?\nAssistant: A zebra.", "A cat on a mat."),
    ("<answer>A bear</answer>", "A bear"),
    ("A sign that says User: admin", "A sign that says User: admin"),
    # lists, markdown and JSON
    ("Here are multiple captions for this image:\n\n1. **A bear** in a meadow.\n2. *Brown fur*, "
     "green grass.\n- #bear #wildlife\n\nLet me know if you'd like more captions!",
     "A bear in a meadow.\nBrown fur, green grass.\nbear wildlife"),
    ('```json\n{"caption": "a bear on grass", "tags": ["bear", "grass"]}\n```',
     "a bear on grass\nbear, grass"),
    ('{"caption": "A bear st', "A bear st"),
    ("### Description\nA cat.\n\n**Tags:** cat, mat, #pets", "A cat.\ncat, mat, pets"),
    # what says nothing
    ("The image shows a bear.", "a bear."),
    ("In this image, we can see a red bus. The image also depicts two people.",
     "a red bus. two people."),
    ("Certainly! A brown dog is running.", "A brown dog is running."),
    ("The photograph captures a serene lake.", "a serene lake."),
    ("There is a picture of a dog on the wall.", "There is a picture of a dog on the wall."),
    # loops
    ("a bear and " * 900, "a bear and"),
    ("1. A dog runs.\n2. A dog runs.\n3. The dog is brown.", "A dog runs.\nThe dog is brown."),
    ("a dog. a dog. a dog. a dog. a d", "a dog."),
    ("a very very very big dog", "a very very very big dog"),
    # half a refusal
    ("I can't help with identifying the person, but the image shows a man in a suit at a desk.",
     "a man in a suit at a desk."),
    ("A man says I can't help you in a comic.", "A man says I can't help you in a comic."),
    ("The dog cannot see the image of a cat.", "The dog cannot see the image of a cat."),
]  # fmt: skip


@pytest.mark.parametrize(("said", "caption"), SAID)
def test_the_caption_in_what_is_said(said: str, caption: str) -> None:
    assert caption_of(said, (ASKED,)) == caption
    assert caption_of(caption, (ASKED,)) == caption, "nothing more is taken from it"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("I'm sorry, but I can't assist with identifying people in this image.", ViewRefused),
        ("I cannot provide a description of this image as it is explicit.", ViewRefused),
        ("I won't help with that.", ViewRefused),
        ("Sorry.", ViewRefused),
        ("抱歉, 我不能描述.", ViewRefused),
        ("Je suis désolé, mais je ne peux pas.", ViewRefused),
        ("I'm unable to view images directly, but if you describe the image I can help!", NoSight),
        ("As an AI language model, I cannot see images.", NoSight),
        ("I don't see any image attached to your message.", NoSight),
        ("No image was provided. Please provide an image.", NoSight),
        ("<think>\nI see perhaps a zebra or", CaptionerError),
    ],
)
def test_what_is_no_caption(said: str, error: type[CaptionerError]) -> None:
    with pytest.raises(error):
        caption_of(said, (ASKED,))


@settings(deadline=None)
@given(st.text(st.characters(codec=None), max_size=300))
def test_answers_can_always_be_stored(said: str) -> None:
    for text in (storable(said), answer_of(said)):
        assert text == text.encode().decode()
        assert all(c.isprintable() or c in "\n\u200c\u200d" for c in text)
        assert not any(c.isspace() and c not in " \n" for c in text)


def test_no_answer_is_endless() -> None:
    assert len(storable("dog " * 10**5)) <= 20_000
