/* SPDX-License-Identifier: Apache-2.0 */
/* Values of what is looked at when a client connects; as conf_value_read. */
#ifndef IMS_CONF_VALUE_SCORE_H
#define IMS_CONF_VALUE_SCORE_H

#include "lib/conf/value.h"

/* off, reject, or a number from row->min to row->max. */
bool conf_read_score(const struct conf_row *row, struct str value, int64_t *out,
		     struct conf_problem *problem);
void conf_write_score(int64_t score, struct buf *out);
/* Printable ASCII, at most row->max octets: it goes into a reply. */
bool conf_read_reply(const struct conf_row *row, struct str value, struct arena *arena,
			 struct str *out, struct conf_problem *problem);
/* 127.0.0.2, 127.0.0.4-11, 127.0.0.4-127.0.1.255 */
bool conf_read_answers(const struct str *values, size_t count, struct arena *arena,
		       struct conf_answers *out, struct conf_problem *problem);
void conf_write_answers(const struct conf_answers *answers, struct buf *out);

#endif
