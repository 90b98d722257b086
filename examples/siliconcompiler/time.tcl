# Time the mapped design at one corner.
source settings.tcl
read_liberty $library
read_verilog inputs/$top.vg
link_design $top
set inputs {}
foreach port [all_inputs] {
    if {[get_property $port full_name] != "clock"} { lappend inputs $port }
}
create_clock -name clock -period $period [get_ports clock]
set_input_delay 0 -clock clock $inputs
set_output_delay 0 -clock clock [all_outputs]
set_input_transition 0.05 $inputs
set_load 0.005 [all_outputs]
report_checks -path_delay max
puts "worst slack is [worst_slack -max]"
