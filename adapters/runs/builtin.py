"""The naming rules that come with the package, in the form that users write theirs (docs/ingest.md): common schemes of paths, titles,
measures and parameters. A user's rules come first; these fill what is left."""

from __future__ import annotations

__all__ = ["BUILTIN"]

_PROCESS = "ssgnp|ffgnp|ttgnp|ssg|ffg|ttg|ss|tt|ff|sf|fs|slow|fast|typical|typ|nom"
_PARTS = {
    # Tokens end where letters and digits end: ff in ss_ff, not in dff; 0.72V has no 72V in it.
    "<B": r"(?<![A-Za-z0-9])(?<!\d\.)",
    "B>": "(?![A-Za-z0-9])",
    "<PROCESS>": f"(?P<process>{_PROCESS})",
    "<VOLTAGE>": r"v?(?:dd)?(?P<voltage>\d+v\d+|\d+[p.]\d+v|\d+m?v)",
    "<PLAIN>": r"v?(?:dd)?(?P<voltage>\d+[pv.]\d+v?|\d+m?v)",  # 0p8 is a voltage only beside a process and a temperature
    "<CELSIUS>": r"(?:t(?:emp)?_?)?(?P<temperature>[nm-]?\d+(?:[p.]\d+)?c)",
    "<DEGREES>": r"(?:temp|t)[_=]?(?P<temperature>[nm-]?\d+)",
    "<ANYCORNER>": rf"(?:(?:{_PROCESS})(?![A-Za-z])|\d+v\d+|\d+[p.]\d+v|[nm-]?\d+c(?![A-Za-z]))",
    "<FROM>": r"(?P<related_pin>[a-eis]\d{0,2}|[ab]\dn|ci|cin|clkn?|ckn?|cp|[cs]dn|[rs]n|rst\w?|set\w?|en|gn?|te|sel|in\d?)",
    "<TO>": r"(?P<pin>yn?\d?|z[nb]?\d?|q[nb]?\d?|x|o\d?|out\d?|s|co|con|cout|sum|gclk)",
    "<EDGE>": r"(?P<edge>rise|fall|lh|hl|r|f)",
    "<GENERIC>": r"(?:deck|run|sim|simulation|tb|testbench|test|top|main|input|char|tran|[hn]?g?spice|xyce|results?|meas|out|output)",
}

_TEXT = r"""
[[path]]     # ss_0p72v_125c, tt_025C_0v80, SS_0.72V_125C: one folder or file name that states all three, in any order
pattern = '(?:^|/)(?=[^/]*?<B<PROCESS>B>)(?=[^/]*?<B<PLAIN>B>)(?=[^/]*?<B<CELSIUS>B>)'
[[path]]     # ss0p72vn40c
pattern = '<B<PROCESS>[_-]?<PLAIN>[_-]?<CELSIUS>B>'
[[path]]
pattern = '<B<PROCESS>B>'
[[path]]
pattern = '<B<VOLTAGE>B>'
[[path]]
pattern = '<B<CELSIUS>B>'
[[path]]
pattern = '<B<DEGREES>B>'
[[path]]     # NAND2_X1__A__Y__rise, nand2_a_y_tt_0p80v_25c
pattern = '(?:^|/)(?P<cell>[A-Za-z]\w*?)(?:__?|-)<FROM>(?:__?|-)<TO>(?:(?:__?|-)<EDGE>)?(?=$|/|[_.-]+<ANYCORNER>)'
[[path]]     # NAND2_X1/A_Y/...
pattern = '(?:^|/)(?P<cell>[A-Za-z]\w*)/<FROM>(?:__?|-)<TO>(?:(?:__?|-)<EDGE>)?(?=$|/)'
[[path]]     # nand2_x1_ss_0p72v_125c
pattern = '(?:^|/)(?!<ANYCORNER>)(?P<cell>[A-Za-z]\w*?)[_.-]+<ANYCORNER>[^/]*(?:/<GENERIC>\d*)?$'
[[path]]     # ss_0p72v_125c_nand2_x1
pattern = '(?:^|/)<ANYCORNER>(?:[_.-]+<ANYCORNER>)+[_.-]+(?P<cell>[A-Za-z]\w*)$'
[[path]]     # .../nand2_x1
pattern = '(?:^|/)(?!<GENERIC>\d*$)(?!<ANYCORNER>)(?P<cell>[A-Za-z]\w*)$'
[[path]]     # nand2_x1/ss_0p72v_125c/deck
pattern = '(?:^|/)(?!<GENERIC>\d*/)(?!<ANYCORNER>)(?P<cell>[A-Za-z]\w*)(?:/[^/]*<ANYCORNER>[^/]*)?/<GENERIC>\d*$'

[[title]]
pattern = '(?=.*?<B<PROCESS>B>)(?=.*?<B<PLAIN>B>)(?=.*?<B<CELSIUS>B>)'
[[title]]
pattern = '\bcell\s*[:=]?\s*(?P<cell>[A-Za-z]\w*)'

[[models]]   # files and sections of models that the deck takes
pattern = '<B<PROCESS>B>'

[[measure]]  # tphl, tplh_a_y, t_plh, tpd_lh, tpd_hl_a_y; n or p: unateness; then a state of the other inputs: _b_nci
pattern = 't_?pd?_?(?P<edge>lh|hl)(?P<timing_sense>[np])?(?:_<FROM>_<TO>(?:_(?P<when>\w+))?)?'
quantity = "delay"
negated = "n"
[measure.values]
timing_sense = { n = "negative_unate", p = "positive_unate" }
[[measure]]  # trlh, trhl_a_y, tran_fall, trans_rise_y
pattern = 't(?:r|ran|rans|ransition|t)_?(?P<edge>lh|hl|rise|fall)(?P<timing_sense>[np])?(?:_(?:<FROM>_)?<TO>(?:_(?P<when>\w+))?)?'
quantity = "transition"
negated = "n"
[measure.values]
timing_sense = { n = "negative_unate", p = "positive_unate" }
[[measure]]  # tclh_ck_q, tcq_rise, tc2q_lh, clk_to_q_fall: which edge of the clock it is no name tells
pattern = '(?:t_?c|t?_?(?:cq|c2q|ck2q|clk2q|clk_?to_?q|ck_?to_?q))_?(?P<edge>lh|hl|rise|fall)(?:_<FROM>_<TO>)?'
quantity = "delay"
timing_type = ""
[[measure]]
pattern = 'trc_?(?P<edge>lh|hl)(?:_(?:<FROM>_)?<TO>)?'
quantity = "transition"
timing_type = ""
[[measure]]  # trise, tfall, t_rise_y, tr, tf, tr_y, tf_a_y
pattern = 't_?(?P<edge>rise|fall|r|f)(?:_(?:<FROM>_)?<TO>)?'
quantity = "transition"
[[measure]]  # cell_rise, delay_fall, delay_rise_a_y, tdelay_r
pattern = 't?_?(?:cell|delay|dly|del|prop|pd|d)_?<EDGE>(?:_<FROM>_<TO>)?'
quantity = "delay"
[[measure]]  # delay_a_y_rise, tpd_a_y_lh, td_a_y
pattern = 't?_?(?:cell|delay|dly|del|prop|pd|p|d)_<FROM>_<TO>(?:_<EDGE>)?'
quantity = "delay"
[[measure]]  # rise_delay, fall_transition
pattern = '<EDGE>_?(?:delay|dly|prop)(?:_<FROM>_<TO>)?'
quantity = "delay"
[[measure]]
pattern = '<EDGE>_?(?:tran|trans|transition|slew|time)(?:_(?:<FROM>_)?<TO>)?'
quantity = "transition"
[[measure]]  # slew_rise, slew_y_rise, transition_a_y_fall
pattern = '(?:out_?)?(?:slew|tran|trans|transition)(?:_(?:<FROM>_)?<TO>)?_<EDGE>'
quantity = "transition"
[[measure]]
pattern = '(?:out_?)?(?:slew|tran|trans|transition)_<EDGE>(?:_(?:<FROM>_)?<TO>)?'
quantity = "transition"
[[measure]]  # delay, tpd, tdelay: the deck has to tell the edge
pattern = 't?_?(?:delay|dly|pd)'
quantity = "delay"
[[measure]]
pattern = '(?:out_?)?(?:slew|tran|trans|transition)'
quantity = "transition"
[[measure]]  # e_sw, esw_a_y_rise, energy_fall, e_int
pattern = '(?:energy|(?:e|energy)_?(?:sw|switch|switching|int|internal|dyn|dynamic|tot|total))(?:_<FROM>_<TO>)?(?:_<EDGE>)?'
quantity = "energy"
[[measure]]
pattern = 'p(?:wr|ower)?_?(?:sw|switch|switching|int|internal|dyn|dynamic|avg|tot|total)(?:_<FROM>_<TO>)?(?:_<EDGE>)?'
quantity = "power"
[[measure]]
pattern = '(?:p_?(?:wr|ower)?_?)?(?:leak|leakage|static)(?:_?(?:p|pwr|power))?(?:_(?P<when>\w+))?'
quantity = "leakage"
negated = "n"
[[measure]]
pattern = 'i_?(?:leak|leakage|static|ddq|off)(?:_(?P<when>\w+))?'
quantity = "leakage_current"
negated = "n"
[[measure]]  # cin_a, cap_a, cpin_clk
pattern = 'c_?(?:in|ap|apin|pin|input|apacitance)(?:_(?P<pin>[A-Za-z]\w*?))?(?:_<EDGE>)?'
quantity = "capacitance"
[[measure]]  # setup_rise, tsetup, hold_d_ck
pattern = 't?_?(?P<quantity>setup|hold|recovery|removal)(?:_(?P<pin>[A-Za-z]\w?)_(?P<related_pin>clkn?|ckn?|cp|en|gn?))?(?:_<EDGE>)?'

[[parameter]]
pattern = 't_?in|t?_?slew(?:_?(?:in|val|i))?|(?:in|input|i)_?(?:slew|tran|trans|transition|tr)|tr_?in|\w+_slew|tramp|t_?sl'
field = "slew"
[[parameter]]
pattern = 'c_?l(?:oad)?|c?_?load(?:_?(?:cap|val|c))?|cap_?load|c_?out|\w+_cap|out_?load|output_?(?:load|cap)'
field = "load"
[[parameter]]
pattern = 'v?_?(?:dd|cc|supply|pwr|sup)(?:_?(?:val|value|v|nom|param))?|p_?vdd|v_?vdd|voltage|vsource_vdd'
field = "voltage"
[[parameter]]
pattern = 'temper|temp(?:erature|_?c)?'
field = "temperature"
"""


def _built() -> str:
    text = _TEXT
    for name, pattern in _PARTS.items():
        text = text.replace(name, pattern)
    return text


BUILTIN = _built()
