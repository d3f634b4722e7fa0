"""Searches in other words on the page, in a real browser; the language model is scripted."""

from __future__ import annotations

import threading
from urllib.parse import parse_qs, urlsplit

import test_web_page
from scripted import GOOD, Said, Scripted
from test_web_words import folder, model, server, talker

expect = test_web_page.playwright.expect
browser, open_page, search = test_web_page.browser, test_web_page.open_page, test_web_page.search
__all__ = ["browser", "folder", "model", "open_page", "server", "talker"]  # fixtures

FIRST = "people eat at a long table in the garden"


def also(page) -> list[str]:
    return parse_qs(urlsplit(page.url).query).get("also", [])


def names(page) -> list[str]:
    return page.locator(".tile").evaluate_all(
        "tiles => tiles.map(tile => tile.querySelector('a').getAttribute('aria-label'))"
    )


def test_plain_hits_come_first_then_sentences_that_can_be_taken_out(
    open_page, model: Scripted
) -> None:
    go_on = threading.Event()

    def says(asked: dict, before: int) -> Said:
        go_on.wait(30)
        return GOOD

    model.says = says
    page = open_page()
    search(page, "family")
    expect(page.locator(".tile")).to_have_count(1)
    expect(page.locator("#also")).to_contain_text("asking")
    assert also(page) == []
    go_on.set()
    expect(page.locator("#also .chip")).to_have_count(10)
    expect(page.locator("#also .chip").first).to_contain_text(f"also: {FIRST}")
    expect(page.locator(".tile")).to_have_count(3)
    assert also(page)[0] == FIRST
    linked = page.url

    page.get_by_role("button", name=f"Without {FIRST}").click()
    expect(page.locator("#also .chip")).to_have_count(9)
    assert FIRST not in also(page)
    page.go_back()
    expect(page.locator("#also .chip")).to_have_count(10)

    asked = len(model.requests)
    other = open_page(linked.partition("/?")[2] and "?" + linked.partition("/?")[2])
    expect(other.locator("#also .chip")).to_have_count(10)
    assert names(other) == names(page)
    assert len(model.requests) == asked  # a view that is linked asks nobody


def test_a_model_that_fails_is_told_and_the_page_works(open_page, model: Scripted) -> None:
    model.says = lambda asked, before: 401
    page = open_page()
    search(page, "the family")
    expect(page.locator("#toast")).to_contain_text("as typed")
    expect(page.locator("#also")).to_be_hidden()
    expect(page.locator(".tile")).to_have_count(1)


def test_other_words_are_switched_off_and_on(open_page, model: Scripted) -> None:
    page = open_page()
    page.get_by_role("switch", name="in other words").uncheck()
    search(page, "my family")
    expect(page.locator(".tile")).to_have_count(1)
    assert not model.requests
    page.get_by_role("switch", name="in other words").check()
    expect(page.locator("#also .chip")).to_have_count(10)
    page.get_by_role("switch", name="in other words").uncheck()
    expect(page.locator("#also .chip")).to_have_count(0)
    expect(page.locator(".tile")).to_have_count(1)


def test_assistive_technology_has_no_serious_trouble_with_the_chips(open_page) -> None:
    page = open_page("?q=family&also=people+at+a+table&also=a+small+child")
    expect(page.locator("#also .chip")).to_have_count(2)
    assert test_web_page.serious(page) == []
