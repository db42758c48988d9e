"""How English says what one has one of at a time, and how one stands to things, in the notation of `_pattern`."""

from typing import Final

from memos_integrations.engine._conflicts_topics import ATTRIBUTES

__all__ = ["NAMES", "OPENS", "PARTS", "SAID", "STANCES", "SWITCHED"]

PARTS: Final = {
    "LEAD": r"""^\W*(?:{so well oh ok okay hey hi hello yes yeah actually anyway btw fyi update correction reminder
        by_the_way just_so_you_know for_the_record for_your_information good_news great_news big_news guess_what
        remember_that remember note_that please_remember_that please_remember please_note as_of_today as_of_now now
        nowadays these_days currently recently today finally luckily unfortunately sadly thanks thank_you}\b\W*)*""",
    "NOW": "(?:{now currently actually just recently finally presently still officially really} )*",
    "VERY": "(?:{really truly absolutely just totally now nowadays still genuinely strongly} )*",
    "AM": "(?:{i'm i_am})",
    "BE": "(?: {is are}|'s)",
    "NOT": "(?:{do_not don't})",
    "MONTH": "{january february march april may june july august september october november december}",
    "DAY": "{monday tuesday wednesday thursday friday saturday sunday}",
    "TIME": r"(?:<ADVERB>|(?:last|this|earlier this) (?:<PERIOD>|<DAY>)|in <MONTH>|on <DAY>"
    r"|since (?:last \w+|<MONTH>(?: \d{4})?|\d{4}|then)|for (?:<ABOUT> )?(?:<NUMBER>|\d+) <PERIOD>)",
    "ADVERB": """{now nowadays currently these_days at_the_moment at_present right_now instead again already officially
        any_more anymore any_longer finally recently yesterday today by_the_way btw for_good permanently full-time
        actually at_all very_much so_much a_lot from_now_on going_forward please thanks}""",
    "PERIOD": "{weeks? weekend months? years? decades? days? spring summer autumn fall winter}",
    "ABOUT": "{the_last the_past about almost over nearly more_than}",
    "NUMBER": "{a an two three four five six seven eight nine ten many several}",
    "MORE": r"(?:\s*[,;–—]\s*(?!or\b|and [\w ]+\W*$)|(?: <LINK> (?=<GOES_ON>\b)))",
    "LINK": "{and but so because since though although where}",
    "GOES_ON": "{i i'm i've i'll we we're it it's my of_my the that there they work study love have am hope}",
    "CAPITAL": r"(?!i\b)(?-i:[A-ZÀ-Þ0-9])(?:[\w&-]|'(?=\w))*",
    "PROPER": r"(?:the )?<CAPITAL>(?: (?:{of de del da do la le les du sur upon am an der the} )?<CAPITAL>){0,4}",
    "PLACE": r"(?P<value><PROPER>(?:, <PROPER>)?)",
    "NAMED": r"(?P<value><PROPER>)",
    "ANY": r"(?P<value>[^,;:.!?]{1,60}?)",
    "THING": r"(?P<thing>[^,;:.!?]{1,50}?)",
    "ONE": "{wife husband spouse partner fiancée? fiancé girlfriend boyfriend mother mom mum father dad boss}",
    "KIN": "{sister brother son daughter}",
    "WHO": r"my (?P<who><ONE>|<KIN>(?: (?-i:[A-Z])\w+)?)",
    "LANGUAGE": r"""(?P<value>{english french german spanish italian portuguese dutch chinese mandarin japanese korean
        russian arabic hindi polish turkish swedish greek ukrainian vietnamese})""",
    "ANSWER": "{answer reply respond write speak talk communicate}",
    "ANSWERS": "(?:{your the all every each} )?{answers? replies reply responses?}",
    "SHORT": "{short brief concise briefly concisely shortly}",
    "LONG": "{long detailed in_detail at_length thorough thoroughly extensive}",
    "ASK": r"(?:{please always only you_must you_should i_want_you_to i'd_like_you_to}\W+)*",
    "SELF": "i|we|i'm|i am|we're|we are|i've|i have|we've|we have",
    "ADVERBS": """{now currently actually just recently finally presently still officially really truly absolutely
        totally nowadays genuinely strongly always house have}""",
    "USE": "{use drive own have play smoke vape wear watch read study learn take teach speak attend ride run}",
}
# (topic, the rule, what its having been said means); "anew": it was not always so; "ended": it holds no more
SAID: Final = (
    ("home", r"{i we} <NOW>{live reside} <NOW>in <PLACE>", ""),
    ("home", r"(?:<AM>|{we're we_are}) <NOW>{based living} <NOW>in <PLACE>", ""),
    ("home", r"{i've i_have we've we_have} <NOW>{lived been_living} <NOW>in <PLACE>", ""),
    ("home", r"(?:{i we}|{i've i_have we've we_have}) <NOW>{moved relocated} (?:{back over house}"
     r" )?(?:from <PROPER> )?to <PLACE>", "anew"),
    ("home", r"<WHO> <NOW>{lives resides} <NOW>in <PLACE>", ""),
    ("home", r"<WHO> <NOW>(?:has )?<NOW>{moved relocated} (?:{back over} )?(?:from <PROPER> )?to <PLACE>", "anew"),
    ("home", r"{i we} no longer {live reside} in <PLACE>", "ended"),
    ("home", r"{i we} <NOT> {live reside} in <PLACE>", "ended"),
    ("name", r"my name<BE> <NOW><NAMED>", ""),
    ("name", r"(?:<AM> called|i go by) <NOW><NAMED>", ""),
    ("name", r"my (?P<who><ONE>)(?:'s name<BE>|<BE> {called named}) <NOW><NAMED>", ""),
    ("employer", r"(?:i|<AM>) <NOW>{work working employed} <NOW>{at for} <NAMED>", ""),
    ("employer", r"{i i've i_have} <NOW>{started got} (?:working|a (?:new )?job) {at with} <NAMED>", "anew"),
    ("employer", r"{i i've i_have} <NOW>{switched changed} jobs? to <NAMED>", "anew"),
    ("employer", r"my <NOW>(?:new )?{employer company workplace}<BE> <NOW><NAMED>", ""),
    ("employer", r"i no longer work {at for} <NAMED>", "ended"),
    ("employer", r"i <NOT> work {at for} <NAMED>", "ended"),
    ("employer", r"{i i've i_have} <NOW>(?:{left quit} my job {at with}|stopped working {at for}) <NAMED>", "ended"),
    ("job", r"(?:i|<AM>) <NOW>{work working employed} <NOW>as {a an} <ANY>", ""),
    ("job", r"my <NOW>(?:new )?{job job_title occupation profession}<BE> <NOW>(?:{a an} )?<ANY>", ""),
    ("job", r"{i've i_have} <NOW>become {a an} (?P<value>{nurse doctor teacher engineer lawyer developer programmer"
     r" chef driver accountant designer manager pilot journalist electrician carpenter plumber})", "anew"),
    ("age", r"(?:<AM>|i) <NOW>(?:turned )?(?P<value>\d{1,3}) years old", ""),
    ("age", r"i (?:just |recently )?turned (?P<value>\d{1,3})", "anew"),
    ("age", r"my age<BE> <NOW>(?P<value>\d{1,3})", ""),
    ("birthday", r"my birthday<BE> (?:on )?(?P<value>(?:the )?\d{1,2}\w{0,2}(?: of)? <MONTH>"
     r"|<MONTH> (?:the )?\d{1,2}\w{0,2})", ""),
    ("birthday", r"i was born on (?P<value>(?:the )?\d{1,2}\w{0,2}(?: of)? <MONTH>|<MONTH> (?:the )?\d{1,2}\w{0,2})",
     ""),
    ("favourite", r"my <NOW>(?:new )?(?:favou?rite|go-to) (?P<what>[\w-]+(?: [\w-]+){0,2}?)<BE> <NOW><ANY>", ""),
    ("attribute", r"my <NOW>(?:new )?(?P<what><ATTRIBUTE>)<BE> <NOW><ANY>", ""),
    ("attribute", r"my <NOW>(?:new )?(?P<what>{e-?mails? e-?mail_address})<BE> <NOW>(?P<value>[^\s@]+@[\w.-]*\w)", ""),
    ("attribute", r"{i've i_have i} <NOW>changed my (?P<what><ATTRIBUTE>) to <ANY>", "anew"),
    ("attribute", r"my <NOW>(?:new )?(?P<what>{car phone laptop bank gym doctor dentist landlord boss manager})<BE>"
     r" <NOW>(?:{a an} )?<NAMED>", ""),
    ("marriage", r"<AM> <NOW>(?:happily )?(?P<value>{single married engaged divorced widowed})", ""),
    ("marriage", r"{i we i've we've} <NOW>(?:have )?(?:got|gotten) <NOW>(?P<value>{married engaged divorced})", "anew"),
    ("diet", r"<AM> <NOW>(?:{a an} )?(?:strict )?(?P<value>{vegan vegetarian pescatarian flexitarian})", ""),
    ("diet", r"{i've i_have} <NOW>{become gone turned} (?:{a an} )?(?P<value>{vegan vegetarian pescatarian})", "anew"),
    ("diet", r"<AM> no longer (?:{a an} )?(?P<value>{vegan vegetarian pescatarian flexitarian})", "ended"),
    ("diet", r"<AM> not (?:{a an} )?(?P<value>{vegan vegetarian pescatarian flexitarian})", "ended"),
    ("language", r"<ASK><ANSWER>(?: {to_me me with_me})?(?: {always only})? in <LANGUAGE>(?: only)?", ""),
    ("language", r"<ASK>(?:use|switch to) <LANGUAGE>(?: {in_your_answers to_answer to_reply for_your_answers})?", ""),
    ("length", r"<ASK>{answer reply respond} (?P<value><SHORT>|<LONG>)", ""),
    ("length", r"<ASK>{keep make} <ANSWERS> (?P<value><SHORT>|<LONG>)", ""),
    ("length", r"<ASK>(?:give me|write|use) (?P<value><SHORT>|<LONG>) {answers replies responses}", ""),
    ("address", r"<ASK>{call address} me <NAMED>", ""),
)  # fmt: skip
STANCES: Final = (
    ("like", True, r"i <VERY>{love like enjoy adore} <THING>"),
    ("like", True, r"<AM> <VERY>(?:a (?:{big huge great} )?fan of|{fond_of into crazy_about keen_on}) <THING>"),
    ("like", False, r"i <VERY>{hate dislike detest despise loathe} <THING>"),
    ("like", False, r"i <VERY>(?:<NOT>|no longer) <VERY>{like love enjoy care_for} <THING>"),
    ("like", False, r"i <VERY>{can't cannot can_not can_no_longer} <VERY>{stand bear} <THING>"),
    ("like", False, r"<AM> <VERY>{not no_longer} <VERY>(?:a (?:{big huge great} )?fan of|{fond_of into keen_on})"
     r" <THING>"),
    ("take", True, r"i <VERY>{drink eat} <THING>"),
    ("take", False, r"i <VERY>(?:<NOT>|no longer|never) <VERY>{drink eat} <THING>"),
    ("take", False, r"{i i've i_have} <NOW>(?P<ended>{stopped quit given_up gave_up}) {drinking eating} <THING>"),
    ("take", False, r"{i i've i_have} <NOW>(?P<ended>{quit given_up gave_up}) (?!\w+ing\b)<THING>"),
    ("allergy", True, r"<AM> <VERY>allergic to <THING>"),
    ("allergy", False, r"<AM> <VERY>{not no_longer} <VERY>allergic to <THING>"),
    ("", True, r"i <VERY>(?P<verb><USE>)(?: <THING>)?"),
    ("", False, r"i <VERY>(?:<NOT>|no longer) <VERY>(?P<verb><USE>)(?: <THING>)?"),
    ("", False, r"{i i've i_have} <NOW>(?P<ended>{stopped quit given_up gave_up}) (?P<verb>(?!drinking|eating)\w+ing)"
     r"(?: <THING>)?"),
)  # fmt: skip
SWITCHED: Final = r"""{i i've i_have} <NOW>(?:{switched changed moved_over} from (?P<old>[^,;:.!?]{1,40}?)
    (?:over )?to|replaced (?:my )?(?P<gone>[^,;:.!?]{1,40}?) with) (?P<new>[^,;:.!?]{1,40}?)"""
NAMES: Final = {**PARTS, "ATTRIBUTE": "{" + " ".join(label.replace(" ", "_") for label in ATTRIBUTES) + "}"}


_FIRST: Final = """live reside based living lived been_living moved relocated called go_by work working employed started
    got gotten switched changed stopped left quit given_up gave_up turned born become gone single happily married
    engaged divorced widowed an? strict vegan vegetarian pescatarian flexitarian not no_longer do_not don't can't cannot
    can_not can_no_longer never love like enjoy adore hate dislike detest despise loathe fond_of into crazy_about
    keen_on allergic drink eat replaced have \\d+"""
OPENS: Final = (  # how every sentence begins that fits a rule; most don't, and one look tells
    r"(?P<lead><LEAD>)(?:my (?!{best heart goodness god point bad})|(?:<SELF>) (?:<ADVERBS> )*(?:{"
    + _FIRST + r"}|<USE>)\b|<ASK>(?:<ANSWER>|{use keep make give_me call address switch_to})\b)"
)  # fmt: skip
