# Commercial characterizers, driven by their own Tcl: the same verbs for each.
#
#   source [exec eda-plugin host-files tcl]/eda_plugin.tcl
#   source [exec eda-plugin host-files tcl]/characterizers.tcl
#   set anchors [eda::liberate::cut_corners {ss_n40C_0v72 ss_125C_0v72 tt_025C_0v80} -anchors {ss_n40C_0v72 tt_025C_0v80}]
#
# Each host's package has: cut_corners (the conditions to characterize, the anchors), write_plan (the simulations that a missing corner needs,
# as the host's own commands), collect (the library that the host wrote), fill (the missing corner, handed to compare_library).
# Written from public scripts; neither program was at hand. tests/test_host_characterizers.py runs it under tclsh, the host's commands recorded.

package require eda_plugin
package provide eda_plugin_characterizers 1.0

namespace eval eda::liberate { namespace export cut_corners write_plan collect fill }
namespace eval eda::siliconsmart { namespace export cut_corners write_plan collect fill }
namespace eval eda::primelib { namespace export cut_corners write_plan collect fill }

# Process, volts and degrees of a corner named like ss_n40C_0v72.
proc eda::corner_of {name} {
    if {![regexp {^([a-z]+)_(n?)(\d+)C_(\d+)v(\d+)$} $name -> process sign celsius volts part]} {
        error "eda-plugin: unreadable corner $name; expected a name such as ss_n40C_0v72"
    }
    scan $celsius %d celsius
    return [list $process $volts.$part [expr {$sign eq "n" ? -$celsius : $celsius}]]
}

# The anchors of a list of corners, in the list's order. All others are to be filled.
proc eda::anchors_among {corners anchors} {
    foreach anchor $anchors {
        if {$anchor ni $corners} { error "eda-plugin: the anchor $anchor is not among {$corners}" }
    }
    if {![llength $anchors]} { error "eda-plugin: no anchor; name the corners to characterize, `eda-plugin plan --anchors-only` chooses them" }
    return [lmap corner $corners {expr {$corner in $anchors ? $corner : [continue]}}]
}

# The rows of a plan (CSV) as dictionaries by column. Fields within double quotes may hold commas.
proc eda::plan_rows {file} {
    set channel [open $file]
    set lines [split [string trim [read $channel]] \n]
    close $channel
    set names [csv_fields [lindex $lines 0]]
    foreach name {cell pin related_pin timing_type when edge index_1 index_2} {
        if {$name ni $names} { error "eda-plugin: $file: no column $name; expected what `eda-plugin plan -o FILE.csv` writes" }
    }
    set rows {}
    foreach line [lrange $lines 1 end] {
        set fields [csv_fields $line]
        if {[llength $fields] != [llength $names]} { error "eda-plugin: $file: {$line} has [llength $fields] fields, the header [llength $names]" }
        set row {}
        foreach name $names field $fields { dict set row $name $field }
        lappend rows $row
    }
    return $rows
}

proc eda::csv_fields {line} {
    set fields {}
    foreach {- quoted plain} [regexp -all -inline {(?:"((?:[^"]|"")*)"|([^,]*)),} [string trimright $line \r],] {
        lappend fields [expr {$quoted eq "" ? $plain : [string map {\"\" \"} $quoted]}]
    }
    return $fields
}

# Arcs of a plan, each once, with the slews and loads that it is asked at: {cell pin related_pin timing_type when edge} -> {slews loads}.
# A host characterizes the grid that they span: more than the plan asks, never less.
proc eda::plan_arcs {file load_first} {
    set arcs {}
    foreach row [plan_rows $file] {
        set arc [lmap name {cell pin related_pin timing_type when edge} {dict get $row $name}]
        set indices [list [dict get $row index_1] [dict get $row index_2]]
        if {$load_first} { set indices [lreverse $indices] }
        lassign [expr {[dict exists $arcs $arc] ? [dict get $arcs $arc] : {{} {}}}] slews loads
        dict set arcs $arc [list [lsort -unique -real [concat $slews [lindex $indices 0]]] [lsort -unique -real [concat $loads [lindex $indices 1]]]]
    }
    return $arcs
}

# Let eda-plugin plan a missing corner; the plan's file. Options: -anchors, -budget (2%), -folder, -template.
proc eda::plan_corner {corner given} {
    set anchors [libraries [dict get $given -anchors]]
    file mkdir [dict get $given -folder]
    set plan [file join [dict get $given -folder] $corner.plan.csv]
    set template [expr {[dict get $given -template] eq "" ? {} : [list --template [dict get $given -template]]}]
    run plan {*}$anchors --target $corner --budget [dict get $given -budget] {*}$template --quiet -o $plan
    return $plan
}

# A plan's points, looked up in the library that the host wrote; the measured points' file. A plan is in the units of its template.
proc eda::measured_from {plan library template} {
    regsub {(\.plan)?\.csv$} $plan {} name
    set measured $name.measured.csv
    run lookup $plan $library {*}[expr {$template eq "" ? {} : [list --template $template]}] -o $measured --quiet
    return $measured
}

# Fill a corner, compare it with a reference where there is one.
proc eda::fill_and_compare {corner given compare} {
    set words {}
    foreach name {-anchors -folder -measured -template -options} { lappend words $name [dict get $given $name] }
    set library [fill_corner $corner {*}$words]
    if {[dict get $given -reference] ne ""} { {*}$compare [dict get $given -reference] $library }
    return $library
}

set eda::fill_defaults {-anchors {} -folder eda_plugin -measured {} -template {} -options {} -reference {} -report compare.txt}
set eda::plan_defaults {-anchors {} -folder eda_plugin -budget 2% -template {} -load_first 0}

# --- Cadence Liberate: order set_operating_condition, define_template, read_spice, define_cell, define_arc, char_library, write_library.

# Call define_pvt for the anchors alone, the first as the default; gives the anchors.
proc eda::liberate::cut_corners {corners args} {
    set given [::eda::options liberate::cut_corners $args {-anchors {}}]
    set anchors [::eda::anchors_among $corners [dict get $given -anchors]]
    set default 1
    foreach anchor $anchors {
        lassign [::eda::corner_of $anchor] process volts celsius
        define_pvt {*}[expr {$default ? "-default" : ""}] $anchor [list process $process voltage $volts temperature $celsius]
        set default 0
    }
    return $anchors
}

# Plan a missing corner and define its templates and arcs: call between define_cell and char_library -user_arcs_only. Gives the plan's file.
proc eda::liberate::write_plan {corner args} {
    set given [::eda::options liberate::write_plan $args $::eda::plan_defaults]
    set plan [::eda::plan_corner $corner $given]
    lassign [::eda::corner_of $corner] process volts celsius
    set_operating_condition -voltage $volts -temp $celsius
    set count 0
    dict for {arc grid} [::eda::plan_arcs $plan [dict get $given -load_first]] {
        lassign $arc cell pin related kind when edge
        lassign $grid slews loads
        set template eda_plugin_[incr count]
        define_template -type delay -index_1 $slews -index_2 $loads $template
        set words [list -delay_template $template -related_pin $related -pin $pin -pin_dir [string index $edge 0]]
        if {$when ne ""} { lappend words -when $when }
        if {$kind ni {"" combinational}} { lappend words -type $kind }
        define_arc {*}$words $cell
    }
    return $plan
}

# After char_library: write what was characterized and take the plan's points out of it; the measured points' file.
proc eda::liberate::collect {plan library {template ""}} {
    write_library -overwrite -filename $library [file rootname [file tail $library]]
    return [::eda::measured_from $plan $library $template]
}

# Fill the corner; with -reference, Liberate compares both. Gives the library.
proc eda::liberate::fill {corner args} {
    set given [::eda::options liberate::fill $args $::eda::fill_defaults]
    return [::eda::fill_and_compare $corner $given [list compare_library -report [dict get $given -report]]]
}

# --- Synopsys SiliconSmart: create_operating_condition before import, configure; characterize, model; compare_library.

proc eda::siliconsmart::cut_corners {corners args} {
    set given [::eda::options siliconsmart::cut_corners $args {-anchors {} -supply VDD -ground VSS}]
    set anchors [::eda::anchors_among $corners [dict get $given -anchors]]
    foreach anchor $anchors { condition $anchor [dict get $given -supply] [dict get $given -ground] }
    set_config_opt active_pvts $anchors
    return $anchors
}

proc eda::siliconsmart::condition {corner supply ground} {
    lassign [::eda::corner_of $corner] process volts celsius
    create_operating_condition $corner
    set_opc_process $corner $process
    add_opc_supplies $corner $supply $volts
    add_opc_grounds $corner $ground 0
    set_opc_temperature $corner $celsius
    set_opc_default_voltage $corner $volts
}

# Plan a missing corner: its operating condition, and the slews and loads of each cell of the plan. Call between import and configure.
proc eda::siliconsmart::write_plan {corner args} {
    set given [::eda::options siliconsmart::write_plan $args [dict merge $::eda::plan_defaults {-supply VDD -ground VSS}]]
    set plan [::eda::plan_corner $corner $given]
    condition $corner [dict get $given -supply] [dict get $given -ground]
    set_config_opt active_pvts [list $corner]
    set cells {}
    dict for {arc grid} [::eda::plan_arcs $plan [dict get $given -load_first]] {
        set cell [lindex $arc 0]
        lassign [expr {[dict exists $cells $cell] ? [dict get $cells $cell] : {{} {}}}] slews loads
        dict set cells $cell [list [lsort -unique -real [concat $slews [lindex $grid 0]]] [lsort -unique -real [concat $loads [lindex $grid 1]]]]
    }
    dict for {cell grid} $cells {
        set_config_opt -cell $cell explicit_points_slew [lindex $grid 0]
        set_config_opt -cell $cell explicit_points_load [lindex $grid 1]
    }
    return $plan
}

# After characterize: write the model and take the plan's points out of it.
proc eda::siliconsmart::collect {plan library {template ""}} {
    model -timing -power -output [file rootname $library]
    return [::eda::measured_from $plan $library $template]
}

proc eda::siliconsmart::fill {corner args} {
    set given [::eda::options siliconsmart::fill $args $::eda::fill_defaults]
    return [::eda::fill_and_compare $corner $given {::eda::siliconsmart::compare}]
}

proc eda::siliconsmart::compare {reference library} {
    compare_library -reference $reference -test $library -all_points
}

# --- Synopsys PrimeLib takes SiliconSmart's commands.

foreach eda::verb {cut_corners write_plan collect fill} {
    interp alias {} ::eda::primelib::$eda::verb {} ::eda::siliconsmart::$eda::verb
}
unset eda::verb
