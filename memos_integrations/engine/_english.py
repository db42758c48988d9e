"""How English states a preference: attitudes in the first person and the present, whatever their object.

Written in the notation of `_pattern`.
"""

from typing import Final

PARTS: Final = {
    # No word here may end in -ly: were two alternatives to fit one word, a row of them would take for ever.
    "EAGER": r"""{do also just still very much quite so too often almost always now most tend_to try_to have_to need_to
        must will would kind_of sort_of \w+ly}""",
    "I": r"\bi (?:<EAGER> ){0,5}",
    "AM": r"\b(?:i\s*'\s*m|i am) ",
    "VERY": r"(?:{very so quite too just pretty also always a an all_that that \w+ly} ){0,5}",
    "FEW": r"(?:[\w-]+ ){0,4}?",
    "MANY": r"(?:[\w-]+ ){0,7}?",
    # "I love it", "I love your painting", "I like how you said it" praise what was just said: no lasting like.
    "NOT_PRAISE": r"""(?!{it that this these those you your yours him her his them their how when what where if seeing
        hearing the_(?:way|idea|look|sound|photo|pic|picture|colou?rs?|view|compliment) to_(?:see|hear|know|think|say)
        and but one so too as about from here there}\b)\w""",
    # "I don't know", "I never thought": states of mind and of the moment, no habits.
    "PASSING": r"""{know think understand remember recall mean believe see feel have need get guess suppose say mind
        doubt blame regret worry forget let imagine expect reali[sz]e even wanna plan seem deserve suggest
        recommend give
        lie stop hear find make miss care_(?!for) take_(?:it|that) had been got thought knew felt said gave
        forgot went
        saw made did met took came tried found meant fail seen left ate bought in \w+ed live work_(?:at|for|here|there)
        want_(?:to\s+)?(?:miss|lose|forget|be|worry|bother|let|sound|spoil|go|you|it)}""",
    "HABIT": r"(?!(?:<EAGER> ){0,5}<PASSING>\b)\w",
    "ILL": r"""{uncomfortable uneasy anxious nervous nauseous nauseated sick dizzy seasick carsick airsick
        claustrophobic
        overwhelmed overstimulated bored distracted irritated disoriented stressed sleepy ill queasy crazy mad itch\w*
        headaches? migraines? motion[-\s]sick\w*}""",
    "REASON": r"""{my an? ethical religious health medical personal environmental safety sensory dietary moral
        cultural
        concerns? privacy chronic severe past hygiene}""",
    "NOT": r"{no not never hardly barely neither nor zero nothing}",
    "PEOPLE": r"""{who whose that friends? sons? daughters? kids? child children sisters? brothers? wife husband mother
        father mom mum dad partner boyfriend girlfriend colleagues? coworkers? guests? cousins? students? patients? cat
        dog}""",
    "OWN": r"(?:(?!(?:<NOT>|<PEOPLE>)\b)[\w-]+ ){0,7}?",
    "NOT_TO_SAY": r"(?! not (?:to )?{say answer disclose comment share tell discuss talk reveal}\b)",
    "REASONS": r"for {ethical religious health medical moral environmental cultural} reasons",
    "LIMITS": r"{prefer avoid need require cannot can't do_not don't must only won't never always}",
    "FOUND": r"\bi (?:\w+ly )?find (?!(?:{out myself that time a the_time peace joy strength comfort "
    r"my}\b|it[.!]))[^.!?]*?\b",
    "OPENING": r"""^\W*(?:{please pls kindly also and so ok okay remember note from_now_on going_forward in_future
        in_the_future for_future_reference remember_to make_sure_to be_sure_to try_to}\W+)*\b""",
    "ANSWERS": r"{answers? replies reply responses? messages? explanations? summar\w+ emails? tone language}",
    "SERVE": r"""{answer\w* reply\w* respond\w* writ(?:e|ing) speak\w* talk\w* explain\w* us(?:e|ing) includ(?:e|ing)
        giv(?:e|ing)_(?!up) show\w* suggest\w* recommend\w* call\w* address\w* format\w* send\w* mention\w* ask\w*
        cit(?:e|ing) add\w* start\w* end begin translat\w* summari[sz]\w* assum\w* repeat\w* offer\w* provid\w*
        propos\w*
        output\w* return quote remind\w* lectur\w* apologi[sz]\w* keep prefer book order schedule buy technical
        emojis?}""",
    "SAY": r"""{say says said saying tell tells told telling claim claims claimed think thinks thought believes believed
        assumes assumed insists insisted suppose supposes imagine imagines pretend pretends joked wrote writes}""",
    "REWORK": r"{translate paraphrase proofread rephrase rewrite correct repeat spell}",
    "REST": r"(?:(?!;|,?\s+but\b|,\s+{and so though} i\b).)*",
    "CLAUSE": r"[^,;.!?]*",
    "ASIDE": r"^\W*(?:{personally honestly also and but actually really definitely absolutely}\W+)*\b",
}

_DISLIKE: Final = (
    r"<I>{dislike hate detest despise loathe abhor dread resent mistrust distrust} "
    r"(?!to {say break admit see hear}\b|{it that} when you\b)",
    r"<I>{do_not don't cannot can_not can't could_not couldn't never won't will_not} <VERY>"
    r"{like enjoy love want care_for stand bear tolerate stomach handle abide} "
    r"(?!(?:to )?{miss lose forget be worry bother give let sound spoil go you it}\b)",
    r"""<AM><VERY>{not no never} <VERY>{fan fond into keen big comfortable interested crazy wild much_of
        much_for one_for
        impressed at_ease attracted drawn willing good_with okay_with ok_with suited partial inclined tolerant}\b""",
    r"""<AM><VERY>{uncomfortable uninterested disinterested averse afraid scared terrified frightened wary tired weary
        sick skeptical sceptical suspicious bored bothered distracted overwhelmed intimidated prone turned_off
        put_off}
        {of by with in to from at around about on when using having}\b""",
    r"<AM><VERY>{against opposed_to}\b",
    r"<I>{get become feel} <VERY><ILL> {in on by with from when around at during if easily while \w+ing}\b",
    r"""\bi have <FEW>{aversion dislike distaste hatred disdain objections? bias_against fear phobia dread mistrust
        resistance antipathy reservations problem_with}\b""",
    r"\bi(?:'ve| have) (?:got )?(?:absolutely |very )?{no zero little} "
    r"{interest desire patience tolerance appetite use taste love time_for}\b",
    r"\b{is_not are_not isn't isnt aren't arent} <VERY>(?:for me|my {thing cup_of_tea style taste jam})\b",
    r"\b(?:do|does)(?: not|n'?t) <VERY>{appeal_to interest work_for work_well_for suit agree_with do_it_for "
    r"sit_well_with sit_right_with excite engage} me\b(?! right)",
    r"\b{makes? leaves? gets? drives? gives?} me <VERY><ILL>\b",
    r"\b{bothers? annoys? irritates? bores? disgusts? exhausts? overwhelms? distracts? terrifies} me\b",
    r"\b{puts? turns?} me off\b",
    r"\bnot {a my} (?:\w+ )?{fan_of cup_of_tea thing}\b",
    r"\bno[-\s]go for me\b|\bmy (?:biggest )?pet peeves?\b|\bi could {do live} without\b",
    r"\b{deal-breaker dealbreaker}\b|\bdeal\b\sbreaker\b",
    # The subject left out, as one writes in haste: "Can't stand jazz", "Not a fan of crowds".
    r"<ASIDE>{can't cannot} {stand bear tolerate eat drink do_without live_without}\b",
    r"<ASIDE>not (?:a )?(?:\w+ )?{fan_of into fond_of keen_on interested_in}\b",
    r"<ASIDE>{hate dislike despise detest loathe} <NOT_PRAISE>",
    r"<ASIDE>(?:no interest in\b|{don't do_not} {like enjoy eat drink wear}\b)",
)

_AVOIDANCE: Final = (
    r"""<I>{avoid refuse boycott abstain decline oppose object_to reject shun skip limit minimise minimize
        steer_clear stay_away
        stay_clear keep_away shy_away keep_my_distance refrain cut_out cut_down cut_back opt_out pass_on}\b""",
    r"\bi (?:\w+ly )?(?:would )?{never rarely seldom hardly_ever hardly} <HABIT>",
    r"(?<!if\s)(?<!when\s)\bi (?:\w+ly |also |just )*{do_not don't} (?:ever |\w+ly )*<HABIT>",
    r"\bi {won't will_not would_not wouldn't} (?:ever |even )*"
    r"{consider eat drink use buy purchase wear watch read play consume touch go_near go_to go_on drive fly "
    r"stay accept "
    r"support pay work travel participate attend listen compromise own take_part set_foot visit shop join order cook "
    r"book tolerate put_up}\b",
    r"\bi (?:\w+ly |also |just )*{cannot can_not can't} (?:\w+ly |ever |even )*"
    r"{stand bear tolerate stomach handle abide eat drink digest consume wear have use swim fly participate own "
    r"be_around "
    r"be_near be_in be_exposed go_near go_without live_without do_without function_without work_without work_in "
    r"work_with sleep_without sleep_in sleep_with sleep_if focus concentrate do_any do_high do_heavy deal_with keep "
    r"take_any get_into}\b(?! {enough it that this}\b[^,;]*$)",
    r"<I>{need have prefer choose like want} to (?:\w+ly )?{avoid limit stay_away steer_clear keep_away refrain "
    r"abstain}\b",
    r"\bi must (?:\w+ly )?{avoid have stick only}\b",
    r"<ASIDE>never {eat drink use wear watch buy}\b",
    r"\bwe (?:both |all |also )?{don't do_not never won't can't cannot} (?:ever )?{eat drink smoke fly}\b"
    r"(?! {until till before after out together here there much enough yet}\b)",
)

_LIMIT: Final = (
    r"""<AM><VERY>(?:(?!<NOT>\b)\w+ )?{allergic intolerant sensitive_to diabetic c(?:o)?eliac dyslexic dyscalculic
        colou?r[-\s]?blind asthmatic epileptic pregnant claustrophobic agoraphobic vegan vegetarian pescatarian
        flexitarian
        teetotal\w* sober hard_of_hearing deaf(?!_to) blind(?!_to) left[-\s]handed night_owl early_bird morning_person
        introvert\w* environmentalist minimalist}\b""",
    r"<AM>{on following doing keeping} {a an the} (?:[\w-]+ )<FEW>{diet regimen budget protocol}\b",
    r"\b{we_are we're and_i_are} (?:{all both also strictly} ){0,2}{vegans? vegetarians? pescatarians? teetotal\w* "
    r"allergic lactose_intolerant c(?:o)?eliacs?}\b",
    r"<I>{follow keep observe maintain eat practice practise live lead stick_to} <FEW>"
    r"{diet lifestyle kosher halal vegan vegetarian gluten[-\s]free}\b",
    r"""\bi {have suffer_from live_with} <OWN>{allergy allergies intolerances? sensitivity sensitivities
        disease disorder
        dyslexia adhd asthma diabetes c(?:o)?eliac claustrophobia vertigo migraines? arthritis condition sensitive_\w+
        low_tolerance insomnia motion_sickness restrictions? respiratory_\w+ impairment disability disabilities}\b""",
    r"^.*\b{due_to because_of owing_to on_account_of} <REASON>\b.*\bi (?:\w+ly )?<LIMITS>\b",
    r"^.*\bi (?:\w+ly )?<LIMITS>\b.*{due_to because_of owing_to on_account_of} my\b",
    r"\bi(?:\s*'m)? [^.!?]*\b<REASONS>\b",
    r"\b<REASONS>\b[^.!?]*\bi(?:\s*'m)? (?:\w+ly )?(?:<LIMITS>|{am eat drink use buy wear follow keep})\b",
    r"<ASIDE>(?:{severely highly very} )?allergic to\b",
)

_PREFERENCE: Final = (
    r"""\bi(?:\s*'d)? (?:<EAGER> ){0,5}{prefer favou?r prioritise prioritize gravitate lean_towards? lean_more opt_for
        insist stick_to stick_with swear_by advocate adhere subscribe_to value require demand thrive seek_out go_for
        support_only lean_on rely_only_on
        rely_exclusively_on}\b(?! {you your him her that_you myself}\b)<NOT_TO_SAY>""",
    r"\bi {firmly strongly truly} believe in\b",
    r"<I>care {most the_most a_lot deeply strongly} about <NOT_PRAISE>|<I>care {most the_most} about {is are}\b",
    r"\bmy (?:{main other biggest chief favou?rite} )?{interests hobbies passions? hobby} (?:[^\s,;]+ ){0,4}?"
    r"{is are include}\b",
    r"\bi(?:\s*'d| would) (?:much |always |far )?rather\b<NOT_TO_SAY>",
    r"\bi have <FEW>{preference inclination penchant soft_spot weakness taste_for fondness liking bias_toward "
    r"bias_for}\b",
    r"\bmy (?:\w+ )?{preferences? favou?rites? preferred go[-\s]to priority} (?:[^\s,;]+ ){0,6}?(?:is|are|has "
    r"always been)\b",
    r"(?:\b{is are} |'s |'re )(?:\w+ )?(?:one of )?\bmy (?:\w+[-\s])?{favou?rites? go[-\s]to preference}\b",
    r"<I>{learn work study think sleep focus concentrate operate function perform respond do remember retain "
    r"communicate "
    r"write} (?:\w+ )?{best better} {in with by through when at on under from if using via as without}\b",
    r"\b{works? suits? fits?} {me_best best_for_me}\b",
    r"\bi (?:also |can |will |really )?{only exclusively solely strictly primarily predominantly} "
    r"(?!{wish hope ever just want_the_best say assume dream}\b)<HABIT>",
    r"(?:^|,|;|\bor\b|\band\b)\s*{only exclusively} {buy use eat drink wear watch read shop adopt support "
    r"consider travel "
    r"fly stay drive}\b",
    r"\bi {always usually typically normally generally} {avoid prefer choose order buy use wear eat drink "
    r"travel fly stay "
    r"book go_for pick take drive read watch listen cook ask_for opt start_my sleep sit}\b",
    r"<FOUND>{too very extremely rather more less overly incredibly quite so difficult hard easier easiest "
    r"tedious boring "
    r"dull}\b",
    r"<FOUND>\w{3,20}(?:ive|ful|less|able|ible|ous|ating|ing|ant)\b",
    r"\bi {struggle have_trouble have_difficulty have_a_hard_time} {\w+ing with to}\b",
    r"<ASIDE>prefer <NOT_PRAISE>",
)

_LIKE: Final = (
    r"\bi (?!(?:\w+ )?would )\b(?:<EAGER> ){0,5}{love like enjoy adore relish savou?r cherish} (?:\w+ly |both |all "
    r")?<NOT_PRAISE>",
    r"""<AM><VERY>(?:{big huge massive great avid real total long[-\s]?time lifelong strong firm} )*{fan lover fanatic
        enthusiast aficionado advocate proponent supporter believer addict person}\b(?! {to who too}\b)""",
    r"<AM><VERY>(?:{most mostly mainly also} )*interested in (?!{\w+ing some}\b)<NOT_PRAISE>",  # "in trying some": now
    r"<AM>{a an} [\w-]+ (?:[\w-]+ )?{person lover fan enthusiast buff geek junkie}\b",
    r"""<AM><VERY>{fond_of keen_on into_(?!it\b|this\b|that\b) crazy_about obsessed_with partial_to addicted_to
        hooked_on
        fascinated_by drawn_to passionate_about picky particular_about fussy selective}""",
    r"<ASIDE>{big huge} fan of\b|<ASIDE>{love enjoy} (?!{the a an my our}\b)<NOT_PRAISE>",
)

_INSTRUCTION: Final = (
    r"<OPENING>{always never do_not don't avoid stop no_need_to only} (?:ever )?<SERVE>\b",
    r"<OPENING>{answer reply respond write speak talk explain communicate} (?:{to_me everything all_\w+ things} )?"
    r"{in with using briefly concisely shortly only like as without informally formally casually politely "
    r"plainly simply "
    r"step}\b",
    r"<OPENING>keep {it them things your all the any every} (?:<ANSWERS> )?(?:very |as )?"
    r"{short brief concise simple formal informal casual under to below in polite light plain friendly "
    r"professional}\b",
    r"<OPENING>{be stay} (?:more |very )?{brief concise formal informal direct casual blunt}\b",
    r"<OPENING>{call address} me (?!{when if later back tomorrow tonight at on crazy anytime any}\b)\w",
    r"<OPENING>use (?:\w+ )?(?:\w+ )?{units? metric imperial bullets? markdown emojis? english chinese language "
    r"words "
    r"sentences tone format examples tables? celsius fahrenheit pronouns}\b",
    r"<OPENING>stick to \w",
    r"<OPENING>no {emojis? jargon small_talk bullet_points exclamation_\w+}\b",
    r"<OPENING>limit {your all every the} {answers? replies responses? suggestions recommendations}\b",
    r"\bi(?:\s*'d| would)? {like want need prefer expect} (?:you|your <ANSWERS>) (?:to )?"
    r"{always never not be keep answer reply respond use avoid call write speak explain short brief}\b",
    r"\b{from_now_on going_forward}\b,?\s*(?:please )?\w+",
)

UNMEANT: Final = (
    # My own word is left as it is ("I must say I love it"), and so are turns of phrase; others' word is not mine.
    r"\b(?:i(?:\s*'\w+)? (?:{must would will can could might may should have had want need hate like to do did just "
    r"also still always often already only am going \w+ly} ){0,5}|let me )\b<SAY>\b"
    r"|\b{needless_to_say suffice_to_say safe_to_say fair_to_say without_saying you_could_say you_might_say that_said "
    r"that_being_said having_said_that}\b"
    r"|\b<SAY>\b(?: (?!{and but so or}\b)[\w-]+){0,3}?(?:\s*:\s*| )(?=i\b)(<REST>)"
    r"|\b<SAY>\b[^,;:.]{0,40}:(<REST>)",
    r"\bwhether\b(<CLAUSE>)|(?<!no\s)\b{wonder wonders wondering wondered}\b(<CLAUSE>)",
    r"\bif (?=i\b)(<CLAUSE>)",
    r"\b{not_sure unsure no_idea doubt}\b(?: {if that how why})? (?=i\b)(<CLAUSE>)",
    r"\bif i (?:\w+ed|were|was)\b[^,;]*, i(?: would|\s*'d) {say tell}\b(<REST>)",
    r"^\W*(?:{please can_you could_you now}\W+)*\b<REWORK>\b(?! me\b)[^.!?;:]{0,80}?(?::| (?=i\b))(.*)",
    r"\b{sentence phrase line title lyrics quote slogan}\b[^:.]{0,30}:(.*)",
)
"""What is said without being meant as one's own, here and now; the group that took part holds it."""

ENGLISH: Final = {
    "dislike": _DISLIKE,
    "avoidance": _AVOIDANCE,
    "limit": _LIMIT,
    "preference": _PREFERENCE,
    "like": _LIKE,
    "instruction": _INSTRUCTION,
}
"""The kinds of preference, in the order in which they are tried, and how each is said."""
