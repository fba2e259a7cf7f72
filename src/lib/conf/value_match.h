/* SPDX-License-Identifier: Apache-2.0 */
/* What a route matches, in a statement or in a file; as conf_value_read. */
#ifndef IMS_CONF_VALUE_MATCH_H
#define IMS_CONF_VALUE_MATCH_H

#include "lib/conf/value.h"

enum { CONF_LISTED_MAX = 200000 }; /* of one file */

/* example.com, .example.com, *.example.com (kept as .example.com), * */
bool conf_read_matches(const struct str *values, size_t count, struct arena *arena,
		       struct conf_matches *out, struct conf_problem *problem);
/* Adds them to those of a file, at most CONF_LISTED_MAX. */
bool conf_add_matches(const struct str *values, size_t count, struct arena *arena,
		      struct conf_matches *out, struct conf_problem *problem);

#endif
