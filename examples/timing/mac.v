// A 16 x 16 multiplier and a 40-bit accumulator, pipelined in three stages: the design that the timing comparison synthesises.
// With COMBINATIONAL defined the registers are wires and the accumulator's last value is an input, for libraries without flip-flops.

module stage #(parameter WIDTH = 1) (input clock, input reset_n, input [WIDTH-1:0] d, output [WIDTH-1:0] q);
`ifdef COMBINATIONAL
  assign q = d;
`else
  reg [WIDTH-1:0] held;
  always @(posedge clock or negedge reset_n)
    if (!reset_n) held <= {WIDTH{1'b0}};
    else held <= d;
  assign q = held;
`endif
endmodule

module mac (
  input clock,
  input reset_n,
  input clear,
  input [15:0] a,
  input [15:0] b,
  input [39:0] last,
  output [39:0] sum,
  output zero
);
  wire [15:0] a1, b1;
  wire clear1, clear2;
  wire [31:0] product, product2;
  wire [39:0] previous, next;

  stage #(33) operands (clock, reset_n, {clear, a, b}, {clear1, a1, b1});
  assign product = a1 * b1;
  stage #(33) products (clock, reset_n, {clear1, product}, {clear2, product2});
`ifdef COMBINATIONAL
  assign previous = last;
`else
  assign previous = clear2 ? 40'd0 : sum;
`endif
  assign next = previous + {8'd0, product2};
  stage #(40) accumulator (clock, reset_n, next, sum);
  assign zero = ~|sum;
endmodule
