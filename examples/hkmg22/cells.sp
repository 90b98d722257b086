* hkmg22: transistor netlists of thirteen cells
*
* Pins: inputs, outputs, vdd, vss. Static CMOS, one unit (NMOS 100 nm, PMOS 180 nm) of drive at each output; a stack of n devices is drawn
* wider so that it drives about as well as one unit. Drain and source areas follow from the width (a contacted diffusion is two gate
* lengths deep); no wire parasitics. The model names nmos and pmos come from hkmg22.lib.

.subckt nfet d g s b w=100n
mn d g s b nmos w={w} l=22n ad={w*44n} as={w*44n} pd={2*w+88n} ps={2*w+88n}
.ends nfet

.subckt pfet d g s b w=180n
mp d g s b pmos w={w} l=22n ad={w*44n} as={w*44n} pd={2*w+88n} ps={2*w+88n}
.ends pfet

.subckt NOT A Y vdd vss
xp1 Y A vdd vdd pfet
xn1 Y A vss vss nfet
.ends NOT

.subckt BUF A Y vdd vss
xp1 n A vdd vdd pfet w=126n
xn1 n A vss vss nfet w=70n
xp2 Y n vdd vdd pfet
xn2 Y n vss vss nfet
.ends BUF

.subckt NAND2 A B Y vdd vss
xp1 Y A vdd vdd pfet
xp2 Y B vdd vdd pfet
xn1 Y A x vss nfet w=160n
xn2 x B vss vss nfet w=160n
.ends NAND2

.subckt NAND3 A B C Y vdd vss
xp1 Y A vdd vdd pfet
xp2 Y B vdd vdd pfet
xp3 Y C vdd vdd pfet
xn1 Y A x1 vss nfet w=220n
xn2 x1 B x2 vss nfet w=220n
xn3 x2 C vss vss nfet w=220n
.ends NAND3

.subckt NOR2 A B Y vdd vss
xp1 x A vdd vdd pfet w=320n
xp2 Y B x vdd pfet w=320n
xn1 Y A vss vss nfet
xn2 Y B vss vss nfet
.ends NOR2

.subckt NOR3 A B C Y vdd vss
xp1 x1 A vdd vdd pfet w=450n
xp2 x2 B x1 vdd pfet w=450n
xp3 Y C x2 vdd pfet w=450n
xn1 Y A vss vss nfet
xn2 Y B vss vss nfet
xn3 Y C vss vss nfet
.ends NOR3

.subckt AND2 A B Y vdd vss
xp1 n A vdd vdd pfet w=126n
xp2 n B vdd vdd pfet w=126n
xn1 n A x vss nfet w=110n
xn2 x B vss vss nfet w=110n
xp3 Y n vdd vdd pfet
xn3 Y n vss vss nfet
.ends AND2

.subckt OR2 A B Y vdd vss
xp1 x A vdd vdd pfet w=220n
xp2 n B x vdd pfet w=220n
xn1 n A vss vss nfet w=70n
xn2 n B vss vss nfet w=70n
xp3 Y n vdd vdd pfet
xn3 Y n vss vss nfet
.ends OR2

* Y = !(A*B + !(A+B))
.subckt XOR2 A B Y vdd vss
xp1 x A vdd vdd pfet w=220n
xp2 n B x vdd pfet w=220n
xn1 n A vss vss nfet w=70n
xn2 n B vss vss nfet w=70n
xp3 u A vdd vdd pfet w=320n
xp4 u B vdd vdd pfet w=320n
xp5 Y n u vdd pfet w=320n
xn3 Y A v vss nfet w=160n
xn4 v B vss vss nfet w=160n
xn5 Y n vss vss nfet
.ends XOR2

* Y = !((A+B)*!(A*B))
.subckt XNOR2 A B Y vdd vss
xp1 n A vdd vdd pfet w=126n
xp2 n B vdd vdd pfet w=126n
xn1 n A x vss nfet w=110n
xn2 x B vss vss nfet w=110n
xp3 u A vdd vdd pfet w=320n
xp4 Y B u vdd pfet w=320n
xp5 Y n vdd vdd pfet
xn3 Y n v vss nfet w=160n
xn4 v A vss vss nfet w=160n
xn5 v B vss vss nfet w=160n
.ends XNOR2

.subckt AOI21 A1 A2 B Y vdd vss
xp1 u A1 vdd vdd pfet w=320n
xp2 u A2 vdd vdd pfet w=320n
xp3 Y B u vdd pfet w=320n
xn1 Y A1 v vss nfet w=160n
xn2 v A2 vss vss nfet w=160n
xn3 Y B vss vss nfet
.ends AOI21

* Mirror adder: cn = !(A*B + CI*(A+B)), sn = !(A*B*CI + cn*(A+B+CI))
.subckt FA A B CI CO S vdd vss
xp1 u1 A vdd vdd pfet w=250n
xp2 u1 B vdd vdd pfet w=250n
xp3 cn CI u1 vdd pfet w=250n
xp4 u2 A u1 vdd pfet w=250n
xp5 cn B u2 vdd pfet w=250n
xn1 cn CI v1 vss nfet w=130n
xn2 v1 A vss vss nfet w=130n
xn3 v1 B vss vss nfet w=130n
xn4 cn B v2 vss nfet w=130n
xn5 v2 A vss vss nfet w=130n
xp6 u3 A vdd vdd pfet w=250n
xp7 u3 B vdd vdd pfet w=250n
xp8 u3 CI vdd vdd pfet w=250n
xp9 sn cn u3 vdd pfet w=250n
xp10 u4 A u3 vdd pfet w=320n
xp11 u5 B u4 vdd pfet w=320n
xp12 sn CI u5 vdd pfet w=320n
xn6 sn cn v3 vss nfet w=130n
xn7 v3 A vss vss nfet w=130n
xn8 v3 B vss vss nfet w=130n
xn9 v3 CI vss vss nfet w=130n
xn10 sn CI v4 vss nfet w=160n
xn11 v4 B v5 vss nfet w=160n
xn12 v5 A vss vss nfet w=160n
xp13 CO cn vdd vdd pfet
xn13 CO cn vss vss nfet
xp14 S sn vdd vdd pfet
xn14 S sn vss vss nfet
.ends FA

* D flip-flop, rising edge, asynchronous reset (RN low): master m, s of transmission gates; RN holds the master by its keeper and the slave by its gate
.subckt DFFR CK D RN Q vdd vss
xp1 cn CK vdd vdd pfet w=126n
xn1 cn CK vss vss nfet w=70n
xp2 cp cn vdd vdd pfet w=126n
xn2 cp cn vss vss nfet w=70n
xp3 dn D vdd vdd pfet w=126n
xn3 dn D vss vss nfet w=70n
xp4 m cp dn vdd pfet w=100n
xn4 m cn dn vss nfet w=70n
xp5 mn m vdd vdd pfet w=126n
xn5 mn m vss vss nfet w=70n
xp6 mk mn vdd vdd pfet w=100n
xp7 mk RN vdd vdd pfet w=100n
xn6 mk mn x1 vss nfet w=90n
xn7 x1 RN vss vss nfet w=90n
xp8 m cn mk vdd pfet w=80n
xn8 m cp mk vss nfet w=60n
xp9 s cn mn vdd pfet w=100n
xn9 s cp mn vss nfet w=70n
xp10 qn s vdd vdd pfet w=160n
xp11 qn RN vdd vdd pfet w=126n
xn10 qn s x2 vss nfet w=130n
xn11 x2 RN vss vss nfet w=130n
xp12 sk qn vdd vdd pfet w=100n
xn12 sk qn vss vss nfet w=60n
xp13 s cp sk vdd pfet w=80n
xn13 s cn sk vss nfet w=60n
xp14 Q qn vdd vdd pfet
xn14 Q qn vss vss nfet
.ends DFFR
