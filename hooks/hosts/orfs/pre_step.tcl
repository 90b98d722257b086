# OpenROAD-flow-scripts, as PRE_SYNTH_TCL or PRE_FLOORPLAN_TCL: fills the corners of EDA_PLUGIN_CORNERS that are not there.
# The variables are those of eda_plugin.mk, exported by it.

source [file join [file dirname [file normalize [info script]]] .. tcl eda_plugin.tcl]

foreach corner $::env(EDA_PLUGIN_CORNERS) {
    set library [file join $::env(EDA_PLUGIN_DIR) $corner.lib]
    if {![file exists $library]} {
        puts "eda-plugin: filling $corner"
        eda::fill_corner $corner -anchors $::env(EDA_PLUGIN_ANCHORS) -folder $::env(EDA_PLUGIN_DIR) -options $::env(EDA_PLUGIN_OPTIONS)
    }
}
