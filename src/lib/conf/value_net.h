/* SPDX-License-Identifier: Apache-2.0 */
/* Values that name places in the network; as conf_value_read. */
#ifndef IMS_CONF_VALUE_NET_H
#define IMS_CONF_VALUE_NET_H

#include "lib/conf/value.h"

/* ADDRESS:PORT, [ADDRESS]:PORT, *:PORT (which is two addresses). */
bool conf_read_addresses(const struct str *values, size_t count, struct arena *arena,
			 struct conf_addresses *out, struct conf_problem *problem);
/* ADDRESS, ADDRESS:PORT, [ADDRESS], [ADDRESS]:PORT. */
bool conf_read_servers(const struct str *values, size_t count, struct arena *arena,
		       struct conf_addresses *out, struct conf_problem *problem);
/* The PATH of a socket, or as conf_read_hops. */
bool conf_read_lmtp(const struct str *values, size_t count, struct arena *arena,
		    struct conf_hops *out, struct conf_problem *problem);
/* a.example, without a dot in front */
bool conf_read_hostnames(const struct str *values, size_t count, struct arena *arena,
			 struct conf_matches *out, struct conf_problem *problem);
/* NETWORK..., added to `out`. */
bool conf_read_networks(const struct conf_row *row, const struct str *values,
			size_t count, struct arena *arena, struct conf_networks *out,
			struct conf_problem *problem);
/* HOST, HOST:PORT, [ADDRESS], [ADDRESS]:PORT, mx:NAME, mx:NAME:PORT; "weight N" behind each. */
bool conf_read_hops(const struct str *values, size_t count, struct arena *arena,
		    struct conf_hops *out, struct conf_problem *problem);
/* NETWORK or ADDRESS; `host_bits` says that the text had bits behind its prefix. */
bool conf_read_network(struct str value, struct ip_net *out, bool *host_bits);

#endif
