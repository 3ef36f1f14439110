"""The page in a real browser, in front of a real engine at published speed."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from playwright.sync_api import Page as Tab

from tests.nomad_jobs.apps.chat.conftest import Page
from tests.support.apps import App

pytestmark = pytest.mark.live
CHROMIUM = "/usr/bin/chromium"  # Debian's


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser: Browser, page: Page) -> Iterator[Tab]:
    """A fresh tab on the page; no script may fail and nothing may be fetched from elsewhere."""
    context = browser.new_context()
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda request: None if request.url.startswith(page.app.url()) else wrong.append(request.url))
    opened.goto(page.app.url())
    expect(opened.locator("#dot.ready")).to_be_visible()
    yield opened
    context.close()
    assert wrong == []


def ask(tab: Tab, text: str) -> None:
    """Type and send, by keyboard alone: the message box has the focus."""
    expect(tab.get_by_label("Your message")).to_be_focused()
    tab.keyboard.type(text)
    tab.keyboard.press("Enter")


def test_an_answer_streams_in_with_its_figures(tab: Tab) -> None:
    expect(tab).to_have_title("scout · Berth chat")
    ask(tab, "Hello <b>there</b>")
    answer = tab.locator(".assistant")
    expect(answer).to_contain_text("This is")
    expect(tab.get_by_role("button", name="Stop")).to_be_visible()
    expect(answer).to_have_class("assistant")  # no longer busy: the answer is whole
    expect(answer).to_contain_text("“Hello <b>there</b>”")
    figures = answer.locator(".figures").inner_text().replace("\n", " ")
    found = re.fullmatch(r"first token (\d+) ms speed ([\d.]+) tokens/s length (\d+) tokens", figures)
    assert found, figures
    ttft_ms, speed, tokens = map(float, found.groups())
    assert 103 <= ttft_ms < 1500
    assert 40 < speed < 145  # published: 7.51 ms each, which is 133 a second
    assert 60 < tokens < 200


def test_the_page_says_that_the_model_is_simulated_and_by_whose_numbers(tab: Tab) -> None:
    expect(tab.locator("#simulated")).to_contain_text(
        "Simulated. Canned words, at the pace that was published for 8x H200"
    )
    expect(tab.locator("#simulated")).to_contain_text("Benchmarking big OSS LLMs")


def test_stop_ends_the_answer_and_the_engine_hears_of_it(tab: Tab, real_time_engine: App) -> None:
    ask(tab, "Go on")
    expect(tab.locator(".assistant")).to_contain_text("This is Berth")
    tab.keyboard.press("Escape")
    expect(tab.locator(".assistant .figures")).to_contain_text("stopped")
    expect(tab.get_by_role("button", name="Send")).to_be_visible()
    assert real_time_engine.wait_for("generated")[0]["finish_reason"] == "abort"


def test_shift_enter_starts_a_line_and_the_conversation_is_remembered(tab: Tab) -> None:
    expect(tab.get_by_role("button", name="Send")).to_be_disabled()
    tab.keyboard.type("one")
    tab.keyboard.press("Shift+Enter")
    ask(tab, "two")
    expect(tab.locator(".user p")).to_have_text("one\ntwo")
    expect(tab.locator(".assistant")).to_have_class("assistant")
    with tab.expect_request("**/api/chat") as sent:
        ask(tab, "three")
    body = sent.value.post_data_json
    assert body
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    tab.get_by_role("button", name="New chat").click()
    expect(tab.locator("#log li")).to_have_count(0)


def test_without_an_instance_the_error_is_clear_and_can_be_tried_again(
    tab: Tab, page: Page, real_time_engine: App
) -> None:
    page.know()
    ask(tab, "Anyone?")
    expect(tab.get_by_role("alert")).to_contain_text("No instance of the model is ready.")
    expect(tab.locator("#dot.away")).to_be_visible()
    page.know(real_time_engine.port)
    tab.get_by_role("button", name="Try again").click()
    expect(tab.get_by_role("alert")).to_be_hidden()
    expect(tab.locator(".assistant")).to_contain_text("This is Berth's engine simulator")
    expect(tab.locator("#dot.ready")).to_be_visible()


def test_an_engine_that_dies_halfway_leaves_the_text_and_says_so(tab: Tab, real_time_engine: App) -> None:
    ask(tab, "Hello")
    expect(tab.locator(".assistant")).to_contain_text("This is")
    real_time_engine.process.kill()
    expect(tab.get_by_role("alert")).to_contain_text("The answer was cut off")
    expect(tab.locator(".assistant .figures")).to_contain_text("cut off")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_colour_schemes_have_enough_contrast(browser: Browser, page: Page, scheme: str) -> None:
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    tab = context.new_page()
    tab.goto(page.app.url())
    expect(tab.locator("#simulated")).to_be_visible()
    for selector, ground in (
        ("#welcome h2", "body"),
        ("#welcome p", "body"),
        ("#simulated", "#simulated"),
        (".hint", "body"),
    ):
        assert contrast(colour(tab, selector, "color"), colour(tab, ground, "backgroundColor")) >= 4.5, selector
    context.close()


def colour(tab: Tab, selector: str, name: str) -> list[float]:
    value = tab.locator(selector).evaluate(f"node => getComputedStyle(node).{name}")
    return [int(part) / 255 for part in re.findall(r"\d+", value)[:3]]


def contrast(one: list[float], other: list[float]) -> float:
    """WCAG's contrast ratio, from 1 to 21."""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: list[float]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
