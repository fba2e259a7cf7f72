/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a sender filter; as conf_value_read. */
#ifndef IMS_CONF_VALUE_SENDER_H
#define IMS_CONF_VALUE_SENDER_H

#include "lib/conf/value.h"

/* user@domain, @domain, @.domain or <>, added to `out`. */
bool conf_read_senders(const struct conf_row *row, const struct str *values, size_t count,
		       struct arena *arena, struct conf_senders *out,
		       struct conf_problem *problem);
/* The same of one statement, without where they stand. */
bool conf_read_from(const struct str *values, size_t count, struct arena *arena,
		    struct conf_matches *out, struct conf_problem *problem);

#endif
