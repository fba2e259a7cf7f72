/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/mail/job.h"

enum { DSN_PASSED = 1, BY_PASSED = 2 };

void job_recipient_put(struct buf *b, const struct job_recipient *r)
{
	buf_put_u32(b, r->index);
	buf_put_str(b, r->address);
	buf_put_str(b, r->mailbox);
	buf_put_str(b, r->domain);
	buf_put_str(b, r->orcpt);
	buf_put_u8(b, r->notify);
}

bool job_recipient_next(struct cur *c, struct job_recipient *r)
{
	if (c->bad || c->left == 0) return false;
	r->index = cur_u32(c);
	r->address = cur_str(c);
	r->mailbox = cur_str(c);
	r->domain = cur_str(c);
	r->orcpt = cur_str(c);
	r->notify = cur_u8(c);
	return !c->bad;
}

void job_result_put(struct buf *b, const struct job_result *r)
{
	buf_put_u32(b, r->index);
	buf_put_u8(b, (uint8_t)r->outcome);
	buf_put_u8(b, (uint8_t)((r->dsn_passed ? DSN_PASSED : 0) | (r->by_passed ? BY_PASSED : 0)));
	buf_put_str(b, r->dsn);
	buf_put_str(b, str_sub(r->text, 0, JOB_TEXT_MAX));
	buf_put_str(b, r->host);
	buf_put_str(b, r->tls);
	buf_put_str(b, r->step);
	buf_put_u8(b, r->in_doubt);
}

bool job_result_next(struct cur *c, struct job_result *r)
{
	if (c->bad || c->left == 0) return false;
	r->index = cur_u32(c);
	uint8_t outcome = cur_u8(c);
	if (outcome >= JOB_OUTCOME_COUNT) c->bad = true;
	r->outcome = (enum job_outcome)outcome;
	uint8_t passed = cur_u8(c);
	if (passed > (DSN_PASSED | BY_PASSED)) c->bad = true;
	r->dsn_passed = passed & DSN_PASSED;
	r->by_passed = passed & BY_PASSED;
	r->dsn = cur_str(c);
	r->text = cur_str(c);
	r->host = cur_str(c);
	r->tls = cur_str(c);
	r->step = cur_str(c);
	r->in_doubt = cur_u8(c) != 0;
	return !c->bad;
}

void job_target_put(struct buf *b, const struct job_target *t)
{
	buf_put_u8(b, (uint8_t)t->kind);
	buf_put_str(b, t->domain);
	buf_put_u16(b, t->port);
	buf_put_u8(b, t->hop_count);
	for (unsigned i = 0; i < t->hop_count; i++) {
		buf_put_str(b, t->hops[i].host);
		buf_put_u16(b, t->hops[i].port);
		buf_put_u8(b, t->hops[i].mx);
	}
	buf_put_u8(b, t->spread);
}

bool job_target_get(struct str record, struct job_target *t)
{
	struct cur c = cur_of(record);
	*t = (struct job_target){ 0 };
	uint8_t kind = cur_u8(&c);
	if (kind >= JOB_TARGET_COUNT) return false;
	t->kind = (enum job_target_kind)kind;
	t->domain = cur_str(&c);
	t->port = cur_u16(&c);
	t->hop_count = cur_u8(&c);
	if (t->hop_count > JOB_HOPS_MAX) return false;
	for (unsigned i = 0; i < t->hop_count; i++) {
		t->hops[i].host = cur_str(&c);
		t->hops[i].port = cur_u16(&c);
		t->hops[i].mx = cur_u8(&c) != 0;
	}
	t->spread = cur_u8(&c) != 0;
	return cur_done(&c);
}

static int counted(const struct cur *c, int count)
{
	return cur_done(c) && count <= JOB_RECIPIENTS_MAX ? count : -1;
}

int job_recipients_count(struct str record)
{
	struct cur c = cur_of(record);
	struct job_recipient r;
	int count = 0;
	while (count <= JOB_RECIPIENTS_MAX && job_recipient_next(&c, &r)) count++;
	return counted(&c, count);
}

int job_results_count(struct str record)
{
	struct cur c = cur_of(record);
	struct job_result r;
	int count = 0;
	while (count <= JOB_RECIPIENTS_MAX && job_result_next(&c, &r)) count++;
	return counted(&c, count);
}
