"""Words that carry no meaning for a search, in English and Chinese (and the particles of Japanese)."""

from typing import Final

_ENGLISH: Final = """
    a an the this that these those some any each every either neither both all most more less few many much lot such
    i me my mine myself we us our ours ourselves you your yours yourself yourselves
    he him his himself she her hers herself it its itself they them their theirs themselves one ones
    someone somebody something anyone anybody anything everyone everybody everything nobody nothing
    what which who whom whose when where why how whether
    be am is are was were been being do does did done doing have has had having
    can could will would shall should may might must ought cannot
    don doesn didn isn aren wasn weren haven hasn hadn won wouldn shouldn couldn mustn mightn needn ain shan
    dont doesnt didnt isnt arent wasnt werent havent hasnt hadnt wont wouldnt shouldnt couldnt cant im ive id ill youre
    not no nor yes yeah yep nope ok okay oh wow hey hi hello thanks thank please well sure
    and or but if so because as than then though although while since unless until till
    of at by for with about against between into through during before after above below to from up down in out on off
    over under again further onto upon within without toward towards along across around among per via
    here there now just also too very really quite rather pretty almost already still yet even only own same other
    another else ever never always often sometimes
    got gotta gonna wanna let lets get gets getting
    thing things way ways kind kinds type types sort sorts
    etc e g s t m d re ve ll
"""

STOP_WORDS: Final = frozenset(_ENGLISH.split())

STOP_CHARACTERS: Final = frozenset(
    "的了吗呢吧啊呀嘛哦是在我你您他她它们有和与及或也都就还很不没这那哪个些么什谁为把被让给对从到于之而且但如果因所以会能可要想请"
    "のはがをにへとでもやかねよさらりるれたてだですますい"
)
