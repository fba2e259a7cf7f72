/* SPDX-License-Identifier: Apache-2.0 */
/* Values of more than one form: users, deliver, level; as conf_value_read. */
#ifndef IMS_CONF_VALUE_MAIL_H
#define IMS_CONF_VALUE_MAIL_H

#include "lib/conf/value.h"

/* DIRECTORY or any. The directory itself is looked up when all files are read. */
bool conf_read_users(struct str value, struct arena *arena, struct conf_users *out,
		     struct conf_problem *problem);
/* maildir TEMPLATE, lmtp TARGET..., route NAME or hold-for-etrn [NAME]. */
bool conf_read_deliver(const struct str *values, size_t count, struct arena *arena,
		       struct conf_deliver *out, struct conf_problem *problem);
/* CATEGORY LEVEL, added to `out`. */
bool conf_read_level(const struct conf_row *row, const struct str *values, size_t count,
		     struct arena *arena, struct conf_levels *out,
		     struct conf_problem *problem);
/* Any of the row's words, each as its bit. */
bool conf_read_flags(const struct conf_row *row, const struct str *values, size_t count,
		     unsigned *out, struct conf_problem *problem);
/* One of the row's words, as the number of its enum. */
bool conf_read_choice(const struct conf_row *row, struct str value, unsigned *out,
		      struct conf_problem *problem);

#endif
