/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the limits in time; as conf_value_read. */
#ifndef IMS_CONF_VALUE_RATE_H
#define IMS_CONF_VALUE_RATE_H

#include "lib/conf/value.h"

/* NUMBER/DURATION: 100/1h; 0 is no limit. */
bool conf_read_rate(const struct conf_row *row, struct str value, struct conf_rate_value *out,
		    struct conf_problem *problem);
void conf_write_rate(const struct conf_rate_value *rate, struct buf *out);
/* Lengths of a prefix of IPv4 and of IPv6: 24 64. */
bool conf_read_prefixes(const struct str *values, size_t count, struct conf_prefixes *out,
			struct conf_problem *problem);
void conf_write_prefixes(const struct conf_prefixes *prefixes, struct buf *out);
/* Names of blocks; users (name@example.com) and domains of users (@example.com). */
bool conf_read_names(const struct conf_row *row, const struct str *values, size_t count,
		     struct arena *arena, struct conf_matches *out,
		     struct conf_problem *problem);

#endif
