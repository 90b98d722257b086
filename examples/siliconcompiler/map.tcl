# Map the design to the cells of one library.
yosys -import
source settings.tcl
read_verilog $source
synth -flatten -top $top
dfflibmap -liberty $library
abc -liberty $library
opt_clean -purge
write_verilog -noattr -noexpr outputs/$top.vg
