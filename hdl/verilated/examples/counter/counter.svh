// SPDX-License-Identifier: Apache-2.0
// The count that no counter may reach.
`define COUNTER_MAX 250
