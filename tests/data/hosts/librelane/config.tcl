# A stand-in for a PDK: what LibreLane asks of one before placement. Nothing here can be placed or routed.
set pdk "$::env(PDK_ROOT)/$::env(PDK)"
set ::env(STD_CELL_LIBRARY) mini_cells
set ::env(VDD_PIN) VPWR
set ::env(GND_PIN) VGND
set ::env(TECH_LEFS) "nom_* $pdk/empty.lef"
set ::env(PRIMARY_GDSII_STREAMOUT_TOOL) klayout
set ::env(DEFAULT_CORNER) nom_tt_025C_1v80
set ::env(STA_CORNERS) "nom_tt_025C_1v80 nom_ff_n40C_1v95 nom_ss_100C_1v40"
set ::env(RT_MIN_LAYER) met1
set ::env(RT_MAX_LAYER) met5
