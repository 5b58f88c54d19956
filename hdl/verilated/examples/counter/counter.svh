// The count that no counter may reach.
`define COUNTER_MAX 250
