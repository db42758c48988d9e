"""Knowledge bases: made, filled by JSON and by multipart, asked, emptied, deleted."""

import zipfile
from base64 import b64encode
from pathlib import Path

from tests.official.memories import said
from tests.official.talk import Meant, Talk, refused

__all__ = ["documents"]

SKILL = """---
name: Water the plants
description: How the plants on the balcony are watered.
---
Give each plant a cup of water.
"""


def documents(talk: Talk) -> None:
    made = Meant(gives={"base": "data.id"})
    talk.ask("create_knowledgebase", "Handbook", meant=made)
    talk.ask("create_knowledgebase", "Übersicht", "What everyone should know", meant=Meant(gives={"second": "data.id"}))
    talk.ask("create_knowledgebase", " ", meant=refused(40002))
    _add_by_json(talk)
    _add_by_form(talk)
    _read(talk)
    _ask(talk)
    _delete(talk)


def _add_by_json(talk: Talk) -> None:
    base = talk.ids["base"]
    text = b64encode("The canteen opens at noon. Die Küche schließt um zwei.".encode()).decode()
    file = {"name": "canteen.txt", "content": text}
    added = Meant(says=["canteen.txt", "document"], gives={"canteen": "data.0.id"})
    talk.ask("add_knowledgebase_file_json", base, [file], meant=added)
    url = "data:text/markdown;base64," + b64encode(SKILL.encode()).decode()
    skill = {"name": "plants.md", "content": url, "type": "skill"}
    talk.ask("add_knowledgebase_file_json", base, [skill], meant=Meant(gives={"skill": "data.0.id"}))
    for content, name, code in (
        ("https://example.org/a.md", "a.md", 40006),
        (text, "a.exe", 40007),
        ("no base64!", "a.txt", 40008),
    ):
        talk.ask("add_knowledgebase_file_json", base, [{"name": name, "content": content}], meant=refused(code))
    talk.ask("add_knowledgebase_file_json", base, [file] * 21, meant=refused(50103))
    talk.ask("add_knowledgebase_file_json", "none", [file], meant=refused(50120))
    talk.ask("add_knowledgebase_file_json", base, [file], meant=refused(50120, key="other"))


def _add_by_form(talk: Talk) -> None:
    """The files are made where the client was started, which is an empty folder."""
    paths = [Path("Übersicht & mehr.md"), Path("keys.json"), Path("balcony.zip"), Path("tool.exe")]
    guide, keys, skill, tool = map(str, paths)
    paths[0].write_bytes("# Gäste\r\n\r\nThe guest house stands in Quimper.\r\n--\r\n".encode())
    paths[1].write_text('{"keys": "The spare keys hang behind the piano."}', encoding="utf-8")
    paths[3].write_bytes(b"MZ\0\xff")
    with zipfile.ZipFile(paths[2], "w") as packed:
        packed.writestr(zipfile.ZipInfo("SKILL.md"), SKILL.replace("plants", "flowers"))
    base = talk.ids["base"]
    both = Meant(says=["Übersicht & mehr.md", "keys.json"], gives={"guide": "data.0.id", "keys": "data.1.id"})
    talk.ask("add_knowledgebase_file_form", base, [guide, keys], meant=both)
    form = "add_knowledgebase_file_form"
    talk.ask(form, base, [skill], "skill", meant=Meant(says=["skill"], gives={"packed": "data.0.id"}))
    talk.ask(form, talk.ids["second"], [guide, "there is no such file"], "document", meant=Meant(says=["Übersicht"]))
    talk.ask(form, base, [tool], meant=refused(40007))
    talk.ask(form, "none", [guide], meant=refused(50120))


def _read(talk: Talk) -> None:
    ids = [talk.ids[name] for name in ("canteen", "guide", "keys")]
    done = Meant(says=["completed", "canteen.txt", "keys.json"], lacks=["running", "failed"], settled=True)
    talk.ask("get_knowledgebase_file", ids, meant=done)
    every = Meant(says=["completed", "plants.md", "balcony.zip"], lacks=["running", "failed"], settled=True)
    talk.ask("get_knowledgebase_file", knowledgebase_id=talk.ids["base"], meant=every)
    skills = Meant(says=["plants.md"], lacks=["canteen.txt"])
    talk.ask("get_knowledgebase_file", None, talk.ids["base"], "skill", 1, 50, meant=skills)
    talk.ask("get_knowledgebase_file", None, talk.ids["base"], page=9, page_size=2, meant=Meant(lacks=["plants.md"]))
    talk.ask("get_knowledgebase_file", knowledgebase_id="none", meant=refused(50120))
    talk.ask("get_knowledgebase_file", ids, meant=Meant(lacks=["canteen.txt"], key="other"))


def _ask(talk: Talk) -> None:
    base = talk.ids["base"]
    query = "When does the canteen open?"
    talk.ask("search_memory", query, "ada", knowledgebase_ids=[base], meant=Meant(says=["at noon"]))
    talk.ask("search_memory", "Wo sind die Gäste?", "eve", knowledgebase_ids=["all"], meant=Meant(says=["Gäste"]))
    talk.ask("search_memory", query, "ada", meant=Meant(lacks=["at noon"]))
    talk.ask("search_memory", query, "ada", knowledgebase_ids=[base], meant=refused(50123, key="other"))
    skills = Meant(says=["cup of water"])
    talk.ask("search_memory", "watering plants", "ada", knowledgebase_ids=[base], include_skill=True, meant=skills)
    talk.ask("chat", "ada", "friday", query, knowledgebase_ids=[base], meant=Meant(says=["In Lyon"]))
    told = said("The bicycle shed has a blue door.")
    talk.ask("add_message", told, "ada", "shed", allow_knowledgebase_ids=[base], async_mode=False)
    query = "Which door has the bicycle shed?"
    talk.ask("search_memory", query, "eve", knowledgebase_ids=[base], meant=Meant(says=["blue door"]))
    talk.ask("add_feedback", "ada", feedback_content="The piano is tuned in May.", allow_knowledgebase_ids=[base])


def _delete(talk: Talk) -> None:
    base, canteen, skill = (talk.ids[name] for name in ("base", "canteen", "skill"))
    talk.ask("delete_knowledgebase_file", [canteen], meant=refused(40001, key="other"))
    talk.ask("delete_knowledgebase_file", [canteen, skill], meant=Meant(says=["true"]))
    query = "When does the canteen open?"
    talk.ask("search_memory", query, "ada", knowledgebase_ids=[base], meant=Meant(lacks=["at noon"]))
    talk.ask("delete_knowledgebase_file", [canteen], meant=refused(40001))
    talk.ask("delete_knowledgebase", base, meant=refused(50120, key="other"))
    talk.ask("delete_knowledgebase", base, meant=Meant(says=["true"]))
    talk.ask("search_memory", "Gäste", "ada", knowledgebase_ids=[base], meant=refused(50123))
    talk.ask("delete_knowledgebase", "none", meant=refused(50120))
