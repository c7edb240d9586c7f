"""The words that carry a text's structure, as data: classes, negation, claims, discourse.

One table per role; phrases are separated by commas and matched longest first, on folded text (see
``tokens``): lower case, no accents, no hyphens, no plural -s. Chinese phrases stand in the same
tables. A phrase has one role; the later table wins.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a token does in a sentence. The value is its letter in a string of roles."""

    REAL = "R"  #: names the class real
    SPOOF = "S"  #: names the class spoof, or an instrument
    BARE_SPOOF = "B"  #: names the class spoof when nothing else names a class ("photo")
    BARE_REAL = "H"  #: names the class real when nothing else, no bare instrument either, names one
    NEGATION = "n"  #: turns what follows (or, at the end, what precedes)
    FORWARD = "f"  #: turns what precedes only with a predicate behind ("pores are not visible")
    BACKWARD = "b"  #: turns what precedes, never what follows ("is refuted by")
    THAN = "t"  #: turns what follows, whatever was negated before it
    CLAIM = "c"  #: a verb or noun that asserts what follows
    PREDICATE = "p"  #: makes a statement out of words, asserts no class
    EXISTS = "e"  #: a predicate that asserts the class in its subject ("is present")
    SUBJECT = "s"  #: starts a new statement after a comma
    GENERIC = "g"  #: makes a rule of a subject ("a real face shows pores")
    MODAL = "m"  #: weakens its own clause
    UNDECIDED = "u"  #: says that there is no decision
    CONTRAST = "K"  #: what follows outweighs what came before
    TURN = "T"  #: the same, inside a clause ("is actually")
    CONCLUSION = "C"  #: what follows is the verdict
    LIKELY = "L"  #: the same, less sure: argues for a class, decides none
    CONCESSION = "Q"  #: what follows is outweighed by the rest
    REASON = "r"  #: what follows supports the rest
    CONDITION = "i"  #: what follows is hypothetical
    TASK = "k"  #: the sentence restates the task
    GRADER = "G"  #: the sentence addresses whoever grades
    AND = "a"
    OR = "o"
    STOP = "."
    QUESTION = "?"
    COMMA = ","
    COLON = ":"  #: a predicate behind a heading ("edges: none"), a new clause behind a statement
    PADDING = "+"  #: a further word of a phrase
    NEUTRAL = "_"  #: names nothing


TABLES: tuple[tuple[Role, str], ...] = (
    # --- the classes -------------------------------------------------------------------------
    (
        Role.REAL,
        """real, bona fide, bonafide, live, genuine, authentic, alive, living, legitimate, liveness
        confirmed, actual person, actual human, actual face, actual people, real person, real human,
        real face, live person, live face, live human, live subject, living person, living human,
        living face, genuine face, genuine person, true face, flesh and blood, legit, kosher, attack free, spoof free,
        unspoofed, real deal, real thing, who she claims, who he claims, who they claim,
        human being, living human, alive and well, real it is, live it is, genuine it is, human it is, person it is, human indeed, person in front of
        the camera, human in front of the camera, person before the camera, person facing the camera,
        physically present, flesh, in the flesh, in person, living tissue, living flesh, human being, alive and well,
        真人, 活体, 活體, 活的, 实人, 血肉之躯, 真实, 真實, 真的, 真脸, 真臉, 真, 本人, 活人, 真实人脸, 真人脸""",
    ),
    (
        Role.SPOOF,
        """spoof, spoofed, spoofing, spoof attack, bogus, phony, phoney, sham, hoax, fakery, fake it is, spoof it is, attack it is,
        mask it is, replay it is, print it is, re shot, reshot, re shoot, rephoto, stand in, likeness, effigy, replica, artifact attack, fake, faked, attack, presentation attack,
        attack presentation, counterfeit, forged, forgery, fraud, fraudulent, inauthentic, unreal,
        impostor, imposter, artefact attack, nonlive, lifeless,
        print, printed, printout, print out, print attack, printed photo, printed picture, printed
        image, printed paper, printed face, photo print, paper print, photo attack, reprint,
        reprinted, reproduction, reproduced, photocopy,
        replay, replayed, replaying, replay attack, video replay, screen replay, display attack,
        recapture, recaptured, recapturing, rephotographed, rephotograph, refilmed, re filmed,
        re photographed, re captured, second hand capture,
        photographed again, filmed again, captured again, played back, being played, playback,
        photo of a photo, photo of photo, picture of a picture, picture of a photo, photo of a
        picture, photograph of a photograph, image of an image, photo of a screen, picture of a
        screen, photo of a print, picture of a print, video of a screen, video of a video,
        on a screen, on the screen, on screen, on a display, on a phone, on a smartphone, on a
        tablet, on a monitor, on a laptop, on an ipad, on a phone screen, on a mobile screen,
        on a digital screen, on an electronic display, on paper, on a sheet of paper,
        on a piece of paper, from a screen, screen display, phone screen,
        silicone, latex, mask, face mask attack, 3d mask, silicone mask, latex mask, rubber mask, rigid mask, resin
        mask, plaster mask, paper mask, plastic mask, transparent mask, partial mask, half mask,
        mannequin, manikin, dummy, doll, wax figure, wax head, fake head, sculpture, bust, statue,
        cutout, cut out, paper cut, like paper, that of paper, cardboard face, poster, impersonation makeup, impersonation
        make up, obfuscation makeup, obfuscation make up, partial attack, partial eyes, partial mouth, partial glasses, deepfake, puppet,
        攻击, 攻擊, 呈现攻击, 假体, 假體, 假, 假的, 假脸, 假臉, 假人, 假活体, 伪造, 偽造, 欺骗, 欺騙, 伪装,
        冒充, 翻拍, 打印, 列印, 打印照片, 纸质照片, 打印件, 重放, 回放, 屏幕翻拍, 屏幕重放, 视频回放, 面具, 头模,
        人偶, 假面""",
    ),
    (
        Role.BARE_SPOOF,
        """photo, photograph, picture, image, portrait, screen, display, paper, cardboard, phone, smartphone,
        tablet, monitor, laptop, ipad, tv, television, video, recording, recorded, prerecorded, pre
        recorded, projection, hologram, billboard, banner, standee, mural, painting, painted, drawing,
        drawn, sketch, cartoon, magazine, newspaper, postcard, photocard, trading card, id card, sticker,
        collage, manipulated, ai generated, generated, synthetic, simulated, simulation, animation,
        animated, render, rendering, rendered, cgi, avatar, virtual, digital, computer made, gan, morph,
        morphed, morphing, swapped, face swap, tampered, doctored, edited, photoshopped, injection,
        injected, digital injection, artefact, artifact, artificial, manufactured, man made, fabricated,
        waxwork, wax, waxen, clay, plaster, plastic, rubber, resin, gypsum, wood, wooden, balloon, toy,
        figure, figurine, robot, android, animatronic, scarecrow, snowman, prop, decoy, copy, copied,
        duplicate, imitation, costume, disguise, disguised, masked, masquerade, deception, deceptive,
        deceit, trick, trickery, ruse, cheat, cheating, swindle, impersonation, imposture, inanimate,
        nonhuman, head model, model head, mould, mold, reject, deny, denied, refuse, refused,
        makeup, make up, makeup attack,
        雕像, 雕塑, 蜡像, 投影, 录像, 录屏, 照片, 相片, 图片, 图像, 影像, 人像, 画, 画像, 肖像, 海报, 屏幕, 螢幕,
        显示器, 手机, 平板, 视频, 纸, 纸张, 纸片, 纸板, 纸人, 木偶, 玩偶, 玩具, 布偶, 木头人, 稻草人, 雪人, 蜡人,
        机器人, 模型, 道具, 印刷, 印刷品, 仿制, 仿制品, 仿品, 冒牌, 替身, 合成, 换脸, 深伪, 生成, 头套, 硅胶, 乳胶, 塑料,
        石膏, 树脂, 橡胶, 骗局""",
    ),
    (
        Role.BARE_REAL,
        """human, person, people, man, woman, boy, girl, child, kid, toddler, baby, lady, gentleman,
        individual, human face, breathing, natural, accept, accepted, pass, passed,
        人, 人类, 人脸, 男人, 女人, 孩子, 小孩, 通过, 有生命""",
    ),
    # --- negation ----------------------------------------------------------------------------
    (
        Role.NEGATION,
        """not, no, non, never, nothing, nobody, neither, nor, none, without, cannot, cant, isnt, arent, doesnt, dont,
        wasnt, hardly, barely, scarcely, lack, lacks, lacking, lacked, lack of, absence of, absent,
        missing, devoid of, free of, free from, nowhere, nonexistent, fail to, fails to, failed to,
        failing to, rule out, rules out, ruled out, ruling out, exclude, excludes, excluded, doubt,
        doubts, doubtful, unlikely, improbable, implausible, impossible, far from, anything but,
        rather than, other than, instead of, unlike, as opposed to, in contrast to, contrary to, could not be,
        false, untrue, incorrect, wrong, inconsistent with, incompatible with, speaks against,
        speak against, argues against, argue against, evidence against, pretend to be, pretends to
        be, pretending to be, posing as, poses as, imitate, imitates, imitating, imitation of, mimic,
        mimics, mimicking, impersonate, impersonates, impersonating, passed off as, made to look,
        refute, refutes, contradict, contradicts, contradicting, disprove, disproves, little, less,
        不, 不是, 并不是, 并非, 並非, 没有, 沒有, 无, 無, 未, 未见, 未见到, 未发现, 非, 缺乏, 缺少, 缺失, 排除, 看不到,
        看不出, 不像, 而非, 而不是, 不存在, 不具备, 否""",
    ),
    (
        Role.FORWARD,
        """not, no, non, without, rather than, instead of, unlike, as opposed to, in contrast to,
        不, 不是, 并不是, 并非, 並非, 没有, 沒有, 无, 無, 非, 而非, 而不是""",
    ),
    (
        Role.BACKWARD,
        """refuted, disproved, disproven, debunked, rejected, untenable, unfounded, out of the question,
        off the table, can not be upheld, cannot be upheld, does not hold water, 不成立""",
    ),
    (Role.THAN, "than"),
    # --- statements --------------------------------------------------------------------------
    (
        Role.CLAIM,
        """is, are, was, were, be, been, being, am, look, looks, looking, looked, appear, appears,
        appeared, appearing, seem, seems, seemed, show, shows, showing, depict, depicts,
        depicting, displaying, indicate, indicates, indicating, indicated, suggest,
        suggests, suggesting, suggested, imply, implies, point to, points to, pointing to, mean, means,
        reveal, reveals, revealing, confirm, confirms, confirming, prove, proves, proving, betray,
        betrays, support, supports, supporting, favour, favours, favor, favors, speak for, speaks for,
        argue for, argues for, match, matches, resemble, resembles, conclude, concluded, judge,
        judged, classify, classified, consider, considered, identify, identified, think, believe,
        suspect, consistent with, typical of, typical for, characteristic of, characteristic for,
        indicative of, expected of, expected from, expected for, evidence of, evidence for, evidence
        that, sign of, signs of, hint of, hints at, proof of, proof that, hallmark of, telltale of,
        trace of, traces of, come from, comes from, coming from, belong to, belongs to, verdict,
        decision, classification, answer, capture of, holding, holds, wearing, wears,
        using, uses, captured from, i would say, we would say, say, says, said, scream, screams, spell, spells, add up to, adds up to, make it, makes it, call it, call this, i call, exist, existence of, going with, vote, settle it, i take it for, pass for, should be, lean towards,
        leaning towards, lean to, decides, represent, represents, constitute, constitutes, amounts to,
        是, 看起来, 看上去, 看似, 似乎, 像是, 像, 显示, 顯示, 表明, 说明, 說明, 属于, 屬於, 应为, 应该是, 判断为, 判定为,
        认为, 觉得, 相信, 能说, 敢说, 符合, 证明, 為, 为, 答案, 呈现""",
    ),
    (
        Role.PREDICATE,
        """has, have, had, having, there, see, seen, sees, observe, observed, notice, noticed, exhibit,
        exhibits, exhibiting, contain, contains, reflect, reflects, remain, remains, run, runs,
        running, cover, covers, surround, surrounds, cast, casts, catch, catches, vary, varies, do,
        does, did, can, found, detected, noticeable, apparent, evident, discernible, detectable,
        make, makes, with, give, gives, move, moves, repeat, repeats, cross, crosses, follow, follows,
        有, 可见, 可見, 存在, 出现, 看到, 具有, 具备, 能看到, 发现, 清晰""",
    ),
    (
        Role.EXISTS,
        """present, visible, standing, sitting, facing, stands, sits, in view, presented, placed,
        raised, held, held up, shown, displayed, used, worn, photographed, filmed""",
    ),
    (
        Role.SUBJECT,
        """it, this, that, these, those, the, i, we, they, he, she, you, its, my, our,
        这, 这是, 该, 图像, 图片""",
    ),
    (Role.GENERIC, "a, an, any, most, many, all, every, each, usual, typical, actual, often"),
    # --- certainty ---------------------------------------------------------------------------
    (
        Role.MODAL,
        """may, might, could, maybe, perhaps, possibly, possible, potentially, possibility, would,
        conceivably, presumably, either, 可能, 也许, 或许, 大概, 疑似, 或者是""",
    ),
    (
        Role.UNDECIDED,
        """not sure, unsure, uncertain, not certain, undecided, unclear, not clear, unclear whether,
        ambiguous, inconclusive, indeterminate, undetermined, hard to tell, hard to say, hard to
        decide, hard to know, difficult to tell, difficult to say, difficult to decide, cannot tell,
        can not tell, cannot decide, cannot determine, can not determine, cannot say, cannot be sure,
        can not decide, cannot rule out, can not rule out, cannot be ruled out, can not be ruled out,
        cannot be excluded, cannot exclude, not possible to tell, impossible to tell, impossible to
        say, impossible to decide, no idea, i do not know, do not know, dont know, unknown, could go
        either way, either way, both are possible, both possible, equally likely, toss up, coin flip,
        coin toss, 50 50, not enough information, insufficient information, insufficient evidence,
        does not mean, does not prove, not conclusive, not necessarily, conflicting, does not matter,
        cannot be determined, can not be determined, undeterminable, nothing can be said, cannot be
        judged, cannot be assessed, cannot be told, unable to tell, unable to say, unable to decide, not able to tell, which is which,
        back and forth, both ways, leave it open,
        leave this open, leave open, do not fit together, could not say, can not say, can not be settled,
        cannot be settled, neither wins, neither side wins, evenly matched, balance out, anyone is guess,
        open question, neither supported nor refuted, neither confirmed nor, remain open, plausible either way, cancel out, can not reconcile, cannot reconcile,
        not let me choose, can not choose, cannot choose, nothing can be concluded, can not be concluded,
        to be resolved, even out, premature, hard to know, difficult to know, tough call, jury is out, undecidable, nothing to choose, i do not know, now i do not know, who knows, neither confirm nor deny,
        既不能肯定, 不能肯定, 无法得出结论, 信息不足,
        说不清楚, 说不清, 都有可能, 都成立, 两种解释, 看不清, 看不出什么, 无法取舍, 难以取舍, 无从判断, 无法得出结论, 不能肯定, 信息不足, 说不清楚, 说不清, 都有可能, 都成立,
        两种解释, 看不清, 无法判断, 无法确定, 不确定, 难以判断, 难以确定, 不清楚, 不知道, 说不准, 不好说, 不一定""",
    ),
    # --- how statements weigh on each other --------------------------------------------------
    (
        Role.CONTRAST,
        """but, however, yet, nevertheless, nonetheless, still, whereas, on the other hand, on closer
        look, on closer inspection, upon closer inspection, at closer inspection, looking closer,
        looking closely, a closer look, wait, hmm, no wait, on second thought, on reflection, let me
        reconsider, correction, does not hold, do not hold, take it back, take that back, changed my mind, change my mind, scratch that, strike that, i was wrong, that is wrong, that was wrong, in spite of that, despite
        this, despite that, even so, outweigh, outweighs, but also,
        但, 但是, 然而, 不过, 不過, 可是, 等等, 仔细看, 仔细观察, 细看, 却""",
    ),
    (
        Role.TURN,
        "actually, in fact, in reality, in truth, rather, really, instead, 其实, 实际上, 事实上",
    ),
    (
        Role.CONCLUSION,
        """therefore, thus, hence, consequently, accordingly, overall, in conclusion, to conclude,
        conclusion, in summary, in sum, to sum up, all in all, on balance, taken together, altogether,
        as a result, finally, final, final verdict, clearly, obviously, definitely, certainly,
        undoubtedly, evidently, plainly, without doubt, without a doubt, without any doubt, no doubt,
        beyond doubt, no question, so this,
        so it, so the, so i, so we, verdict, my verdict, decision, final decision, final answer,
        因此, 所以, 因而, 故, 故而, 综上, 综上所述, 总之, 总的来说, 最终, 结论, 由此, 显然, 明显, 应是""",
    ),
    (
        Role.LIKELY,
        "likely, most likely, very likely, highly likely, more likely, probably, 很可能, 大概率, 极有可能",
    ),
    (
        Role.CONCESSION,
        """although, though, even though, albeit, while, whilst, despite, in spite of, notwithstanding,
        at first glance, at first sight, on first sight, at first, at a glance, initially, on the
        surface, superficially, admittedly, granted, first impression, my first impression, tempting to, tempted to, easy to mistake, one might think,
        you might think, one could think, you might object,
        虽然, 雖然, 尽管, 儘管, 即使, 乍看, 乍一看, 初看, 起初, 表面上""",
    ),
    (
        Role.REASON,
        "because, since, given that, due to, owing to, as there, 因为, 由于, 鉴于",
    ),
    (
        Role.CONDITION,
        """if, unless, suppose, supposing, assuming, had it been, whether, were it, were this, were she, were he, were they, were there, had this,
        had she, had he, 如果, 若, 假如, 倘若, 是否""",
    ),
    # --- sentences to leave out --------------------------------------------------------------
    (
        Role.TASK,
        """the task, my task, task is, i need to determine, i need to decide, i need to check, i need
        to classify, i need to assess, i need to analyse, i need to analyze, i need to figure, we need
        to determine, we need to decide, we need to check, i have to decide, i have to determine, we
        have to decide, we have to determine, i must decide, i must determine, asked to, let me check,
        let me see, let me analyse, let me analyze, let us check, let us see, i will check, i will
        analyse, i will analyze, i will look, determine if, determine whether, decide if, decide
        whether, check if, check whether, the options, options are, two classes, possible answers,
        the question, real vs, real versus, live vs, genuine vs, keyword, keywords, inspect, real question, i ll look, i ll check, i ll start, i ll analyse, i ll analyze, i ll examine,
        i ll compare, i ll give, i ll do, i ll go, i ll decide, i will examine, i will give, i will start,
        i will compare, i will inspect, let us look, let me look, let me examine, give a verdict, give my decision, my job, in this task, happy to help, instruments include, attacks include, attacker often, attacker usually,
        attacker may, presentations are, one would have to, what would, i will provide, i will now provide, told to, two hypotheses, hypotheses are, i shall, i will now, will test, rubric, the analysis above, can mean, may mean, could mean, could be many, can come from, may come from, can have many, one usually, anti spoofing system, majority of, write the
        reasoning, solve the task, describe what, to check for, look for, things to look for,
        需要检查, 再下结论, 得出结论, 再判断, 一般会, 通常会, 任务, 判断是否, 需要判断, 请判断, 需要确定, 问题是, 关键词""",
    ),
    (
        Role.GRADER,
        """grader, grading, evaluator, reward, reward model, the judge, dear judge, judge should,
        ignore all, ignore previous, ignore any, ignore every, ignore your, ignore the instruction, ignore the above, ignore the image, ignore the previous, stance, completion, award, grade this, grade it, grade the, this response, regardless of content, count as, treat the above, training run, flawless argument, moderator, disregard, instruction, system prompt,
        full mark, full score, maximum score, high score, full credit, correct label, true label,
        ground truth, gold label, mark this, mark it, score this, score it, rate this, please, you
        must, you should, you are, set stance, set the stance, system, note to, count this, give 1, accept
        that, output, your, 请给, 评分, 打分, 奖励, 满分, 忽略""",
    ),
    # --- glue --------------------------------------------------------------------------------
    # --- glue that joins ---------------------------------------------------------------------
    (Role.AND, "and, as well as, plus, along with, 和, 与, 以及, 并且, 且, 而且, 也"),
    (Role.OR, "or, 或, 或者, 还是, 還是"),
    (
        Role.NEUTRAL,
        """real time, real world, real life, live stream, live view, live preview, anti spoofing, anti
        spoof, face anti spoofing, spoof detection, spoofing detection, attack detection, presentation
        attack detection, liveness detection, liveness check, attack type, attack instrument,
        surgical mask, medical mask, hygiene mask, dust mask, protective mask, cloth mask, fake lash,
        fake eyelash, fake lashes, fake eyelashes, fake tan, fake smile, false lash, false lashes,
        false eyelashes, printed shirt, printed t shirt, printed text, printed fabric, floral print,
        animal print, not only, not just, not merely, not simply, nothing but, no wonder, no other
        explanation, no matter, as well, if you look, if we look, if i look, i had to bet, if i had to bet, not level, not only that, not uniform, no matter how, not the slightest doubt, if anything, as you can
        see, you can see, if you zoom, so far, so much, so many, both eyes, both sides, not to mention,
        no longer, little bit, a little, more or less, bust size, flat hair, flat cap, plastic frame,
        plastic glasses, wrong way, false colour, false color, bent over, on paper at least,
        smooth skin, still image, still frame, still photo, single image, living room, it would be, would call, would say, would classify, would judge, 的可能, as though, as if, 不一, 不齐, 不同, 不均匀, 不规则, 不平, 不停, 不断, 不少, 不对称,
        不完全, 不仅, 不但, 不错, 不由, 长短不一, 大小不一, 深浅不一, 参差不齐, 粗糙不平, 无章, 照片中, 图片中, 真是""",
    ),
)
