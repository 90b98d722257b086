# For OpenSTA 2.0.17, which Debian has: commands that today's hosts call and that came later. Taken as ~/.sta, the tool's own init file, so that
# neither the tool nor the host is changed. What such an old build cannot answer (violation counts, skew) it answers with 0.

namespace eval sta {
    variable known_corners {}

    proc corners {} {
        variable known_corners
        return $known_corners
    }

    # A corner of this build is a bare pointer; hosts ask it for its name.
    proc remember_corners {names} {
        variable known_corners
        foreach name $names {
            proc ::sta_corner_$name {method} "return $name"
            lappend known_corners ::sta_corner_$name
        }
    }

    foreach count {max_slew_violation_count max_fanout_violation_count max_capacitance_violation_count} {
        proc $count {} { return 0 }
    }

    proc without {arguments keys} {
        set kept {}
        for {set i 0} {$i < [llength $arguments]} {incr i} {
            if {[lindex $arguments $i] in $keys} { incr i } else { lappend kept [lindex $arguments $i] }
        }
        return $kept
    }
}

rename define_corners sta_define_corners
proc define_corners {args} {
    uplevel 1 sta_define_corners $args
    sta::remember_corners $args
}

foreach command {worst_slack total_negative_slack} {
    rename $command sta_$command
    proc $command {args} [string map [list COMMAND sta_$command] {
        set kept [sta::without $args {-corner}]
        return [uplevel 1 COMMAND $kept]
    }]
}

foreach command {find_timing_paths report_checks} {
    rename $command sta_$command
    proc $command {args} [string map [list COMMAND sta_$command] {
        return [uplevel 1 COMMAND [string map {-group_path_count -group_count} $args]]
    }]
}

proc worst_clock_skew {args} { return 0 }
proc report_parasitic_annotation {args} {}
