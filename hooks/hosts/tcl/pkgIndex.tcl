package ifneeded eda_plugin 1.0 [list source [file join $dir eda_plugin.tcl]]
