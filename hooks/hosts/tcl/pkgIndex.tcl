package ifneeded eda_plugin 1.0 [list source [file join $dir eda_plugin.tcl]]
package ifneeded eda_plugin_characterizers 1.0 [list source [file join $dir characterizers.tcl]]
