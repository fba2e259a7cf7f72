/* SPDX-License-Identifier: Apache-2.0 */
#include "services/dns/questions.h"

#include <assert.h>
#include <idn2.h>
#include <stdlib.h>
#include <string.h>

enum {
	NAME_MAX_IN = 1024, /* octets of a name as it is asked for, in UTF-8 */
	RECORD_MAX = MX_HOSTS_MAX * (2 + 2 * (4 + DNS_NAME_MAX) + 2 + 4 + DNS_TLSA_BYTES + 1 +
				     MX_ADDRESSES_MAX * 16),
};

struct question;

/* One query to the DNS that belongs to a question. */
struct lookup {
	struct resolver_query query;
	struct question *question;
	size_t host;
	enum mx_family family;
	bool own; /* TLSA: of the host's own name */
};

/* Who waits for an answer. */
struct asker {
	struct link link;
	struct channel *ch;
	uint64_t query;
};

struct question {
	struct questions *all;
	uint64_t key;
	struct link askers;
	struct loop_timer *deadline;
	size_t pending; /* lookups, and 1 while they are being started */
	struct lookup first; /* MX */
	struct lookup hosts[MX_HOSTS_MAX][MX_FAMILIES];
	struct lookup tlsa[MX_HOSTS_MAX];
	char *records[MX_HOSTS_MAX]; /* TLSA; allocated where there are some */
	bool tlsa_asked;
	struct mx mx; /* last: hosts that are not there are memory that is not touched */
};

/* -- Answers ------------------------------------------------------------------------- */

static void answer_send(struct channel *ch, uint64_t query, const struct mx_verdict *v,
			const struct mx_list *list)
{
	static char memory[RECORD_MAX]; /* too big for a stack; used by one call at a time */
	struct buf hosts;
	buf_init_fixed(&hosts, memory, sizeof memory);
	if (list) mx_list_put(&hosts, list);
	assert(!hosts.overflowed);
	channel_send_resolved(ch, &(struct msg_resolved){ .query = query,
							  .result = (uint8_t)v->result,
							  .dsn = v->dsn,
							  .text = buf_view(&v->text),
							  .hosts = buf_view(&hosts) });
}

static void lookups_cancel(struct question *q)
{
	resolver_cancel(&q->first.query);
	for (size_t h = 0; h < MX_HOSTS_MAX; h++) {
		for (size_t f = 0; f < MX_FAMILIES; f++)
			resolver_cancel(&q->hosts[h][f].query);
		resolver_cancel(&q->tlsa[h].query);
	}
}

static void asker_free(struct questions *qs, struct asker *a)
{
	link_remove(&a->link);
	free(a);
	qs->asked--;
}

static void question_free(struct question *q)
{
	lookups_cancel(q);
	LIST_EACH(l, &q->askers)
	asker_free(q->all, CONTAINER(l, struct asker, link));
	(void)map_take(&q->all->map, q->key);
	loop_timer_free(q->deadline);
	for (size_t h = 0; h < MX_HOSTS_MAX; h++) free(q->records[h]);
	free(q);
}

/* With what is known by now: an answer that is missing counts as late. */
static void question_end(struct question *q)
{
	struct mx_verdict verdict;
	static struct mx_list list; /* too big for a stack; used by one call at a time */
	mx_decide(&q->mx, &q->all->self, &verdict, &list);
	LIST_EACH(l, &q->askers)
	{
		const struct asker *a = CONTAINER(l, struct asker, link);
		answer_send(a->ch, a->query, &verdict, &list);
	}
	question_free(q);
}

static void tlsa_ask_all(struct question *q);

static void question_step(struct question *q)
{
	if (--q->pending > 0) return;
	if (q->mx.dane && !q->tlsa_asked) tlsa_ask_all(q);
	else question_end(q);
}

static void deadline_over(void *arg)
{
	struct question *q = arg;
	if (resolver_is_asked(&q->first.query))
		(void)mx_take_mx(&q->mx, DNS_LATE, NULL, 0, q->all->self.hostname,
				 &q->all->rng);
	question_end(q);
}

/* -- Lookups ------------------------------------------------------------------------- */

static void on_ips(void *arg, enum dns_state state, bool secure, struct str packet)
{
	struct lookup *l = arg;
	struct ip ips[DNS_RECORDS_MAX] = { { { 0 } } };
	char owner[DNS_NAME_MAX];
	size_t count = 0, owner_len = 0;
	if (state == DNS_FOUND)
		state = dns_read_ips(packet, l->family == MX_V6 ? DNS_AAAA : DNS_A, ips,
				     DNS_RECORDS_MAX, &count);
	mx_take_ips(&l->question->mx, l->host, l->family, state, ips, count);
	if (state == DNS_FOUND && dns_read_owner(packet, owner, &owner_len))
		mx_secure_ips(&l->question->mx, l->host, l->family, secure,
			      (struct str){ owner, owner_len });
	question_step(l->question);
}

static void host_ask(struct question *q, size_t host, enum mx_family family)
{
	struct lookup *l = &q->hosts[host][family];
	struct str name = { q->mx.hosts[host].name, q->mx.hosts[host].len };
	*l = (struct lookup){ .question = q, .host = host, .family = family };
	l->query.fn = on_ips;
	l->query.arg = l;
	q->pending++;
	bool wanted = q->all->asks[family];
	if (wanted && resolver_ask(q->all->resolver, name, family == MX_V6 ? DNS_AAAA : DNS_A,
				   &l->query))
		return;
	mx_take_ips(&q->mx, host, family, wanted ? DNS_FAILED : DNS_NO_DATA, NULL, 0);
	q->pending--;
}

static void hosts_ask(struct question *q)
{
	size_t count = q->mx.count;
	for (size_t host = 0; host < count; host++)
		for (int family = 0; family < MX_FAMILIES; family++)
			host_ask(q, host, (enum mx_family)family);
}

/* -- TLSA ---------------------------------------------------------------------------- */

static void tlsa_ask(struct question *q, size_t host, bool own);

/* Owned by the question; NULL: no memory, or nothing to keep. */
static struct str records_keep(struct question *q, size_t host, struct str records)
{
	free(q->records[host]);
	q->records[host] = records.len ? malloc(records.len) : NULL;
	if (!q->records[host]) return STR("");
	memcpy(q->records[host], records.at, records.len);
	return (struct str){ q->records[host], records.len };
}

static void on_tlsa(void *arg, enum dns_state state, bool secure, struct str packet)
{
	struct lookup *l = arg;
	struct question *q = l->question;
	char memory[DNS_TLSA_BYTES];
	struct buf records;
	size_t count = 0;
	buf_init_fixed(&records, memory, sizeof memory);
	if (state == DNS_FOUND) state = dns_read_tlsa(packet, &records, &count);
	struct str kept = records_keep(q, l->host, buf_view(&records));
	/* Without its records the host would look like one whose records say nothing. */
	if (kept.len != records.len) state = DNS_FAILED;
	if (mx_take_tlsa(&q->mx, l->host, l->own, state, secure, kept)) tlsa_ask(q, l->host, true);
	question_step(q);
}

static void tlsa_ask(struct question *q, size_t host, bool own)
{
	char memory[NAME_MAX_IN];
	struct buf name;
	struct lookup *l = &q->tlsa[host];
	buf_init_fixed(&name, memory, sizeof memory);
	if (!mx_tlsa_name(&q->mx, host, own, &name)) return;
	*l = (struct lookup){ .question = q, .host = host, .own = own };
	l->query.fn = on_tlsa;
	l->query.arg = l;
	q->pending++;
	/* A name that is too long has no records. */
	bool fits = name.len <= DNS_NAME_MAX;
	if (fits && resolver_ask(q->all->resolver, buf_view(&name), DNS_TLSA, &l->query)) return;
	q->pending--;
	if (mx_take_tlsa(&q->mx, host, own, fits ? DNS_FAILED : DNS_NO_NAME, false, STR("")))
		tlsa_ask(q, host, true);
}

static void tlsa_ask_all(struct question *q)
{
	size_t count = q->mx.count;
	q->tlsa_asked = true;
	q->pending = 1;
	for (size_t host = 0; host < count; host++) tlsa_ask(q, host, false);
	question_step(q);
}

/* -- MX ------------------------------------------------------------------------------ */

static void on_mx(void *arg, enum dns_state state, bool secure, struct str packet)
{
	static struct dns_mx answers[DNS_RECORDS_MAX]; /* as in question_end */
	struct question *q = ((struct lookup *)arg)->question;
	struct questions *qs = q->all;
	size_t count = 0;
	if (state == DNS_FOUND) state = dns_read_mx(packet, answers, &count);
	mx_secure_mx(&q->mx, secure);
	if (mx_take_mx(&q->mx, state, answers, count, qs->self.hostname, &qs->rng) ==
	    MX_ASK_HOSTS)
		hosts_ask(q);
	question_step(q);
}

static void mx_ask(struct question *q)
{
	struct str name = { q->mx.name, q->mx.len };
	q->first = (struct lookup){ .question = q };
	q->first.query.fn = on_mx;
	q->first.query.arg = &q->first;
	q->pending++;
	if (resolver_ask(q->all->resolver, name, DNS_MX, &q->first.query)) return;
	(void)mx_take_mx(&q->mx, DNS_FAILED, NULL, 0, q->all->self.hostname,
			 &q->all->rng);
	q->pending--;
}

/* -- Questions ----------------------------------------------------------------------- */

static uint64_t key_of(const struct questions *qs, const struct mx *mx)
{
	struct str name = { mx->name, mx->len };
	uint64_t number = (uint64_t)mx->port << 2 | (uint64_t)mx->dane << 1 | mx->by_mx;
	return hash_str_nocase(name, hash_u64(number, qs->seed));
}

static bool is_same(const struct mx *a, const struct mx *b)
{
	return a->by_mx == b->by_mx && a->port == b->port && a->dane == b->dane &&
	       str_eq_nocase((struct str){ a->name, a->len },
			     (struct str){ b->name, b->len });
}

static bool asker_add(struct question *q, struct channel *ch, uint64_t query)
{
	struct asker *a = calloc(1, sizeof *a);
	if (!a) return false;
	a->ch = ch;
	a->query = query;
	list_add_tail(&q->askers, &a->link);
	q->all->asked++;
	return true;
}

static void say_later(struct channel *ch, uint64_t query, const struct mx *mx)
{
	struct mx_verdict verdict;
	mx_verdict_set(&verdict, MX_END_FAILED, (struct str){ mx->name, mx->len });
	answer_send(ch, query, &verdict, NULL);
}

static struct question *question_new(struct questions *qs, uint64_t key)
{
	struct question *q = malloc(sizeof *q);
	if (!q) return NULL;
	memset(q, 0, offsetof(struct question, mx));
	q->all = qs;
	q->key = key;
	list_init(&q->askers);
	q->deadline = loop_timer_new(qs->loop, deadline_over, q);
	if (q->deadline && map_put(&qs->map, key, q)) return q;
	loop_timer_free(q->deadline);
	free(q);
	return NULL;
}

static void question_begin(struct question *q, const struct mx *mx, enum mx_step step)
{
	memcpy(&q->mx, mx, offsetof(struct mx, hosts) + mx->count * sizeof *mx->hosts);
	q->pending = 1;
	loop_timer_set(q->deadline, q->all->deadline_ms);
	if (step == MX_ASK_MX) mx_ask(q);
	else hosts_ask(q);
	question_step(q);
}

static void ask(struct questions *qs, struct channel *ch, uint64_t query,
		const struct mx *mx, enum mx_step step)
{
	uint64_t key = key_of(qs, mx);
	struct question *q = qs->asked < QUESTIONS_MAX ? map_get(&qs->map, key) : NULL;
	bool shared = q != NULL;
	if (!q && qs->asked < QUESTIONS_MAX) q = question_new(qs, key);
	/* Full, no memory, or another name with the same hash. */
	if (!q || (shared && !is_same(&q->mx, mx)) || !asker_add(q, ch, query)) {
		say_later(ch, query, mx);
		if (q && !shared) question_free(q);
	} else if (!shared) {
		question_begin(q, mx, step);
	}
}

/* UTF-8 becomes the form that the DNS has (RFC 5891 4.4); what cannot be one becomes
 * empty, which is no name. */
static void name_take(struct str name, struct buf *out)
{
	char text[NAME_MAX_IN + 1];
	uint8_t *ascii = NULL;
	bool plain = true;
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.at[i] > 0x7f || name.at[i] == '\0') plain = false;
	if (plain) {
		buf_str(out, name);
	} else if (str_find(name, '\0') < 0 && str_to_cstr(name, text, sizeof text) &&
		   idn2_lookup_u8((const uint8_t *)text, &ascii,
				  IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK) {
		buf_str(out, str_of((const char *)ascii));
	}
	idn2_free(ascii);
}

void questions_ask(struct questions *qs, struct channel *ch, const struct msg_resolve *m)
{
	static struct mx mx; /* too big for a stack; copied into the question */
	char memory[NAME_MAX_IN];
	struct buf name;
	buf_init_fixed(&name, memory, sizeof memory);
	name_take(m->name, &name);
	enum mx_step step = mx_begin(&mx, buf_view(&name), m->mx != 0, m->port);
	mx.dane = m->dane != 0;
	if (step == MX_READY) {
		struct mx_verdict verdict;
		static struct mx_list list;
		mx_decide(&mx, &qs->self, &verdict, &list);
		answer_send(ch, m->query, &verdict, &list);
		return;
	}
	ask(qs, ch, m->query, &mx, step);
}

void questions_forget(struct questions *qs, const struct channel *ch)
{
	size_t at = 0;
	uint64_t key;
	struct question *q;
	/* A question that nobody waits for goes on to its end, and fills the cache. */
	while ((q = map_next(&qs->map, &at, &key))) {
		LIST_EACH(l, &q->askers)
		{
			struct asker *a = CONTAINER(l, struct asker, link);
			if (a->ch == ch) asker_free(qs, a);
		}
	}
}

void questions_init(struct questions *qs, struct loop *loop, struct resolver *resolver,
		    uint64_t seed)
{
	*qs = (struct questions){ .loop = loop, .resolver = resolver, .seed = seed,
				  .asks = { true, true } };
	qs->rng.state = hash_u64(seed, 1);
	map_init(&qs->map, QUESTIONS_MAX, seed);
}

void questions_free(struct questions *qs)
{
	size_t at = 0;
	uint64_t key;
	for (struct question *q; (q = map_next(&qs->map, &at, &key)); at = 0)
		question_free(q);
	map_free(&qs->map);
}
