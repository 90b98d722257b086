set pdk "$::env(PDK_ROOT)/$::env(PDK)"
set cells sky130_fd_sc_hd__
set ::env(LIB) [dict create]
foreach corner {tt_025C_1v80 ff_n40C_1v95 ss_100C_1v40} {
    dict set ::env(LIB) "*_$corner" "$pdk/lib/$cells$corner.lib"
}
set ::env(CELL_LEFS) $pdk/empty.lef
set ::env(CELL_GDS) $pdk/empty.gds
set ::env(SCL_POWER_PINS) VPWR
set ::env(SCL_GROUND_PINS) VGND
set ::env(FILL_CELLS) ""
set ::env(DECAP_CELLS) ""
set ::env(SYNTH_EXCLUDED_CELL_FILE) $pdk/empty.txt
set ::env(PNR_EXCLUDED_CELL_FILE) $pdk/empty.txt
set ::env(OUTPUT_CAP_LOAD) 33.5
set ::env(MAX_FANOUT_CONSTRAINT) 10
set ::env(CLOCK_UNCERTAINTY_CONSTRAINT) 0.25
set ::env(CLOCK_TRANSITION_CONSTRAINT) 0.15
set ::env(TIME_DERATING_CONSTRAINT) 5
set ::env(IO_DELAY_CONSTRAINT) 20
set ::env(SYNTH_DRIVING_CELL) ${cells}inv_2/Y
set ::env(SYNTH_TIEHI_CELL) ${cells}conb_1/HI
set ::env(SYNTH_TIELO_CELL) ${cells}conb_1/LO
set ::env(SYNTH_BUFFER_CELL) ${cells}buf_2/A/X
set ::env(PLACE_SITE) unithd
set ::env(CELL_PAD_EXCLUDE) ""
