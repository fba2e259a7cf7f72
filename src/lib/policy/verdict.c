/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/verdict.h"

struct verdict verdict_accept(void)
{
	return (struct verdict){ .kind = VERDICT_ACCEPT };
}

struct verdict verdict_need(enum fact fact)
{
	return (struct verdict){ .kind = VERDICT_NEED, .need = fact };
}

struct verdict verdict_builtin(unsigned code, const char *dsn, struct str text,
                               const char *builtin)
{
	return (struct verdict){ .kind = VERDICT_REFUSE, .code = code, .dsn = dsn,
		                 .text = text, .builtin = builtin };
}

struct verdict verdict_rule(unsigned code, const char *dsn, struct str text,
                            const struct conf_origin *rule)
{
	return (struct verdict){ .kind = VERDICT_REFUSE, .code = code, .dsn = dsn,
		                 .text = text, .rule = rule };
}

struct verdict verdict_hold(struct str text, const struct conf_origin *rule)
{
	return (struct verdict){ .kind = VERDICT_HOLD, .text = text, .rule = rule };
}

struct str verdict_class_name(enum verdict_class class)
{
	switch (class) {
	case VERDICT_HOMED: return STR("homed");
	case VERDICT_MATCH: return STR("match");
	case VERDICT_RATE: return STR("rate");
	case VERDICT_BASELINE: return STR("baseline");
	case VERDICT_CLASS_NONE:
	case VERDICT_CLASSES: break;
	}
	return STR("");
}

void verdict_rule_write(const struct verdict *v, struct buf *out)
{
	if (v->rule) {
		buf_str(out, v->rule->file);
		if (v->rule->line == 0) return;
		buf_byte(out, ':');
		buf_u64(out, v->rule->line);
	} else if (v->builtin) {
		buf_str(out, str_of(v->builtin));
	}
}
