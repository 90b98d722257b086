# Filled corners and delay predictors for programs that are driven by Tcl: OpenSTA, OpenROAD, characterizers.
#
#   source [exec eda-plugin host-files tcl]/eda_plugin.tcl
#   eda::read_filled_corner ss_100C_1v60 -anchors lib -folder filled
#
# OpenSTA has a `source` of its own, under which no package index works; elsewhere `package require eda_plugin` does, with that folder in auto_path.
# The command line is started as the variable EDA_PLUGIN_COMMAND says, `eda-plugin` where it says nothing.

package provide eda_plugin 1.0

namespace eval eda {
    namespace export run fill_corner read_filled_corner read_corner_bounds predict_delay
    variable suffixes {*.lib *.lib.gz *.lib.xz *.liberty}
}

# Run the command line; what it prints on standard output. Its message becomes the Tcl error, the exit status the error code's last word.
proc eda::run {args} {
    set command {eda-plugin}
    if {[info exists ::env(EDA_PLUGIN_COMMAND)] && $::env(EDA_PLUGIN_COMMAND) ne ""} { set command $::env(EDA_PLUGIN_COMMAND) }
    # What is read of standard error is a warning unless the exit status says otherwise.
    set status [catch {exec -ignorestderr {*}$command {*}$args 2>@1} said details]
    if {$status} {
        regsub {\nchild process exited abnormally$} $said {} said
        regsub {^error: } $said {} said
        return -code error -errorcode [list EDA_PLUGIN [lindex [dict get $details -errorcode] end]] "eda-plugin: $said"
    }
    return $said
}

# Options of a verb: those that it knows, with their defaults; an unknown one is an error that names the others.
proc eda::options {verb given defaults} {
    if {[llength $given] % 2} { error "eda::$verb: [lindex $given end] has no value" }
    set known $defaults
    foreach {name value} $given {
        if {![dict exists $defaults $name]} { error "eda::$verb: unknown option $name; there are [join [dict keys $defaults] {, }]" }
        dict set known $name $value
    }
    return $known
}

# The libraries in a list of files and folders, sorted, each once.
proc eda::libraries {places} {
    variable suffixes
    set found {}
    foreach place $places {
        if {[file isdirectory $place]} {
            lappend found {*}[glob -nocomplain -directory $place {*}$suffixes]
        } elseif {[file exists $place]} {
            lappend found $place
        } else {
            error "eda-plugin: $place: no such library or folder"
        }
    }
    if {![llength $found]} { error "eda-plugin: no library in {$places}; expected $suffixes" }
    return [lsort -unique $found]
}

# Fill a corner and give its library's path. It is filled anew where an input is newer than it.
#   -anchors   libraries of other corners, and folders of them
#   -folder    where to keep the corner (made where missing)
#   -measured  simulations of it: a plan with delay and transition
#   -options   options of `eda-plugin fill`, as they are
#   -template  library with the corner's own axes
#   -name      of the file, the corner's by default
proc eda::fill_corner {corner args} {
    set given [options fill_corner $args {-anchors {} -folder eda_plugin -measured {} -template {} -options {} -name {}}]
    set anchors [libraries [dict get $given -anchors]]
    set inputs $anchors
    set words {}
    foreach name {measured template} {
        set file [dict get $given -$name]
        if {$file ne ""} {
            lappend inputs $file
            lappend words --$name $file
        }
    }
    set name [expr {[dict get $given -name] eq "" ? $corner : [dict get $given -name]}]
    set out [file join [dict get $given -folder] $name.lib]
    set stamp [list $corner $inputs [dict get $given -options]]
    if {[fresh $out $inputs $stamp]} { return $out }
    file mkdir [dict get $given -folder]
    run fill {*}$anchors --target $corner {*}$words {*}[dict get $given -options] --report [file rootname $out].json --quiet -o $out
    set channel [open [file rootname $out].stamp w]
    puts $channel $stamp
    close $channel
    return $out
}

proc eda::fresh {out inputs stamp} {
    set kept [file rootname $out].stamp
    if {![file exists $out] || ![file exists $kept]} { return 0 }
    set channel [open $kept]
    set was [string trimright [read $channel] \n]
    close $channel
    if {$was ne $stamp} { return 0 }
    foreach input $inputs {
        if {[file mtime $input] > [file mtime $out]} { return 0 }
    }
    return 1
}

# Fill a corner and read it into the timer. Options are those of eda::fill_corner, and -scene, the name of the timer's own corner.
proc eda::read_filled_corner {corner args} {
    lassign [apart -scene $args] scene rest
    set library [fill_corner $corner {*}$rest]
    read_liberty {*}[expr {$scene eq "" ? {} : [list -corner $scene]}] $library
    return $library
}

# Fill a corner twice and read both: the early library, fast at the quantile, for minimum delays, the late one for maximum delays. Constraints
# stand at their demanding end in both, so setup and hold slack are bounds at that quantile in any OpenSTA. Options are those of
# eda::fill_corner, -scene, and -quantile (0.95).
proc eda::read_corner_bounds {corner args} {
    lassign [apart -scene $args] scene rest
    lassign [apart -quantile $rest 0.95] quantile rest
    set given [options read_corner_bounds $rest {-anchors {} -folder eda_plugin -measured {} -template {} -options {}}]
    set found {}
    foreach {side bound} {early -min late -max} {
        set words [dict replace $given -options [list {*}[dict get $given -options] --side $side --quantile $quantile] -name ${corner}_$side]
        set library [fill_corner $corner {*}$words]
        read_liberty {*}[expr {$scene eq "" ? {} : [list -corner $scene]}] $bound $library
        lappend found $library
    }
    return $found
}

# Take one option out of a list of options: its value, and the rest.
proc eda::apart {name given {default {}}} {
    set value $default
    set rest {}
    foreach {key word} $given {
        if {$key eq $name} { set value $word } else { lappend rest $key $word }
    }
    if {[llength $given] % 2} { error "eda-plugin: [lindex $given end] has no value" }
    return [list $value $rest]
}

# Ask a predictor that `eda-plugin predict` wrote: {delay transition} of one point, in ns, for a slew in ns and a load in pF.
#   eda::predict_delay p.safetensors ss_100C_1v60 {cell INV_1 related_pin A pin Y edge fall timing_sense negative_unate slew 0.1 load 0.01}
proc eda::predict_delay {predictor corner point} {
    set point [dict merge {timing_type combinational timing_sense {} when {} load_first 0} $point]
    foreach name {cell pin related_pin edge slew load} {
        if {![dict exists $point $name]} { error "eda::predict_delay: the point has no $name" }
    }
    set channel [file tempfile asked .csv]
    set answered $asked.answers.csv
    try {
        puts $channel "cell,pin,related_pin,timing_type,timing_sense,when,edge,index_1,index_2"
        set indices [list [dict get $point slew] [dict get $point load]]
        if {[dict get $point load_first]} { set indices [lreverse $indices] }
        set fields {}
        foreach name {cell pin related_pin timing_type timing_sense when edge} { lappend fields "\"[dict get $point $name]\"" }
        puts $channel [join [concat $fields $indices] ,]
        close $channel
        run predict $predictor --points $asked --target $corner --answers $answered --quiet
        set channel [open $answered]
        set lines [split [string trim [read $channel]] \n]
        close $channel
        set names [split [string trim [lindex $lines 0]] ,]
        set values [split [string trim [lindex $lines 1]] ,]
        # "when" may hold commas within quotes; delay and transition are the last two of both
        return [list [lindex $values end-1] [lindex $values end]]
    } finally {
        file delete $asked $answered
    }
}
