* hkmg22: NMOS and PMOS of a 22 nm high-k metal-gate process, BSIM4 4.5 (level 54)
*
* A card of our own for teaching and tests; no fab stands behind it. Geometry, electrostatics, junctions and capacitances take
* the figures of the Predictive Technology Model, 22 nm metal gate / high-k (Nanoscale Integration and Modeling Group, Arizona State
* University; W. Zhao and Y. Cao, "New generation of Predictive Technology Model for sub-45 nm early design exploration", IEEE Trans.
* Electron Devices 53, 2006), which is free to use with acknowledgement. What we changed:
*   - thresholds 0.12 to 0.14 V higher, so that leakage at 125 C stays sensible and 0.60 V is close to threshold;
*   - threshold and mobility fall faster with temperature (kt1, ute, at), so that both devices turn from faster-when-hot to
*     slower-when-hot between 0.60 V and 0.88 V, as high-k metal-gate processes do;
*   - gate tunnelling off, as a high-k gate all but stops it; leakage is subthreshold current and GIDL;
*   - gate and body resistance networks off: they add seven nodes a transistor and change delay little;
*   - parameters at BSIM4's default, and those of noise, are left out.
* slow_n and slow_p move a device from typical (0) to slow (1) or fast (-1): threshold 30 mV, mobility 4 %, oxide 1.5 %, length 0.6 nm,
* all at once.
*
* Use: .lib "models.sp" ss|tt|ff|sf|fs     (first letter NMOS, second PMOS)

.lib ss
.param slow_n=1 slow_p=1
.lib "models.sp" devices
.endl ss

.lib tt
.param slow_n=0 slow_p=0
.lib "models.sp" devices
.endl tt

.lib ff
.param slow_n=-1 slow_p=-1
.lib "models.sp" devices
.endl ff

.lib sf
.param slow_n=1 slow_p=-1
.lib "models.sp" devices
.endl sf

.lib fs
.param slow_n=-1 slow_p=1
.lib "models.sp" devices
.endl fs

.lib devices
.model nmos nmos level=54 version=4.5
+ capmod=2 igcmod=0 igbmod=0 geomod=1 diomod=1 permod=1 rdsmod=0 rbodymod=0 rgatemod=0 tnom=27
* geometry and oxide
+ toxe={6.5e-10*(1+0.015*slow_n)} toxp=4e-10 toxm=6.5e-10 toxref=6.5e-10 epsrox=3.9
+ wint=5e-9 xl=-9e-9 lint={1.35e-9-0.3e-9*slow_n} xj=7.2e-9 ngate=1e23 ndep=1.2e19 nsd=2e20
* threshold, short channel, subthreshold
+ vth0={0.49+0.03*slow_n} vfb=-1.058 k1=0.2 k2=0 k3=0 dvt0=1 dvt1=2 dvt2=0 dsub=0.078 eta0=0.0045 etab=0 minv=0.05
+ dvtp0=1e-11 dvtp1=0.1 lpe0=0 cdsc=0 voff=-0.13 nfactor=2.3
* mobility, saturation, output resistance
+ u0={0.0181*(1-0.04*slow_n)} ua=-5e-10 ub=1.7e-18 uc=0 vsat=2e5 keta=0.04 delta=0.01
+ pclm=0.06 pdiblc1=0.001 pdiblc2=0.001 pdiblcb=-0.005 drout=0.5 pvag=1e-20 pscbe1=2e9 pscbe2=1e-7
+ fprout=0.2 pdits=0.01 pditsd=0.23 pditsl=2.3e6 rsh=5 rdsw=60 prwg=0
* impact ionisation, GIDL
+ alpha0=0.074 alpha1=0.005 beta0=30 agidl=2e-4 bgidl=2.1e9 cgidl=2e-4 egidl=0.8
* overlap, fringe and channel capacitance
+ xpart=0 cgso=7e-11 cgdo=7e-11 cgsl=7.5e-13 cgdl=7.5e-13 cf=1.1e-10 ckappas=0.6 ckappad=0.6
* temperature
+ kt1=-0.19 kt2=0.022 ute=-2.4 ua1=1e-9 ub1=-1e-18 uc1=-5.6e-11 at=120000
* junctions
+ jss=1.2e-6 jsws=2.4e-13 jswgs=2.4e-13 ijthsfwd=0.1 ijthsrev=0.1 bvs=10
+ cjs=0.0018 mjs=0.5 pbs=1 cjsws=1.2e-10 mjsws=0.33 pbsws=1 cjswgs=2.1e-10

.model pmos pmos level=54 version=4.5
+ capmod=2 igcmod=0 igbmod=0 geomod=1 diomod=1 permod=1 rdsmod=0 rbodymod=0 rgatemod=0 tnom=27
* geometry and oxide
+ toxe={6.7e-10*(1+0.015*slow_p)} toxp=4e-10 toxm=6.7e-10 toxref=6.7e-10 epsrox=3.9
+ wint=5e-9 xl=-9e-9 lint={1.35e-9-0.3e-9*slow_p} xj=7.2e-9 ngate=1e23 ndep=4.4e18 nsd=2e20
* threshold, short channel, subthreshold
+ vth0={-0.39-0.03*slow_p} vfb=-1.058 k1=0.2 k2=-0.01 k3=0 dvt0=1 dvt1=2 dvt2=-0.032 dsub=0.1 eta0=0.0037 etab=0 minv=0.05
+ dvtp0=1e-11 dvtp1=0.05 lpe0=0 cdsc=0 voff=-0.13 nfactor=2.3
* mobility, saturation, output resistance
+ u0={0.0023*(1-0.04*slow_p)} ua=-5e-10 ub=1.6e-18 uc=0 vsat=7.8e4 keta=-0.047 delta=0.01
+ pclm=0.1 pdiblc1=0.001 pdiblc2=0.001 pdiblcb=3.4e-8 drout=0.6 pvag=1e-20 pscbe1=2e9 pscbe2=9.58e-7
+ fprout=0.2 pdits=0.08 pditsd=0.23 pditsl=2.3e6 rsh=5 rdsw=60 prwg=0
* impact ionisation, GIDL
+ alpha0=0.074 alpha1=0.005 beta0=30 agidl=2e-4 bgidl=2.1e9 cgidl=2e-4 egidl=0.8
* overlap, fringe and channel capacitance
+ xpart=0 cgso=7e-11 cgdo=7e-11 cgsl=3e-11 cgdl=3e-11 cf=1.1e-10 ckappas=0.6 ckappad=0.6
* temperature
+ kt1=-0.22 kt2=0.022 ute=-2.1 ua1=1e-9 ub1=-1e-18 uc1=-5.6e-11 at=40000
* junctions
+ jss=2e-7 jsws=4e-13 jswgs=4e-13 ijthsfwd=0.1 ijthsrev=0.1 bvs=10
+ cjs=0.0015 mjs=0.5 pbs=1 cjsws=9.4e-11 mjsws=0.33 pbsws=1 cjswgs=2e-10
.endl devices
