/* SPDX-License-Identifier: Apache-2.0 */
#include "services/http/web.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_MAX = 48, AT_MAX = DNS_NAME_MAX + 16 + 2 * WEB_ADDRESSES_MAX * ADDRESS_MAX };

struct web_job {
	struct link link;
	struct web *web;
	uint64_t number;
	web_fn *fn; /* NULL: nobody waits any more */
	void *arg;
	char host[DNS_NAME_MAX + 1];
	unsigned port;
	bool outside; /* only public addresses that are not ours */
	bool kept_off; /* there were others */
	unsigned questions; /* to dns that are not answered */
	struct buf at;
	char at_text[AT_MAX];
	struct fetch what;  /* strings in `copies`, but `ca` */
	struct buf copies;
};

static void job_free(struct web_job *job)
{
	names_forget(job->web->names, job);
	link_remove(&job->link);
	job->web->count--;
	buf_wipe(&job->copies);
	free(job);
}

static void job_end(struct web_job *job, const struct fetched *result)
{
	web_fn *fn = job->fn;
	void *arg = job->arg;
	job_free(job);
	if (fn) fn(arg, result);
}

static void job_fail(struct web_job *job, struct str why)
{
	job_end(job, &(struct fetched){ .why = why });
}

/* --- the URL ---------------------------------------------------------------------------- */

static bool part_get(CURLU *url, CURLUPart part, unsigned flags, char *out, size_t size)
{
	char *text = NULL;
	bool good = curl_url_get(url, part, &text, flags) == CURLUE_OK && strlen(text) < size;
	if (good) memcpy(out, text, strlen(text) + 1);
	curl_free(text);
	return good;
}

static bool is_here(const char *host)
{
	struct ip ip;
	return str_eq(str_of(host), STR("localhost")) ||
	       (ip_parse(str_of(host), &ip) && ip_is_loopback(ip));
}

struct place {
	bool https;
	char host[DNS_NAME_MAX + 1]; /* digits in any form are an address as ip_write writes it, or "[...]" */
	unsigned port;
};

static bool url_read(struct str text, struct place *place)
{
	char scheme[8], port[8], copy[4096];
	if (!str_to_cstr(text, copy, sizeof copy)) return false;
	CURLU *url = curl_url();
	bool good = url && curl_url_set(url, CURLUPART_URL, copy, 0) == CURLUE_OK &&
		    part_get(url, CURLUPART_SCHEME, 0, scheme, sizeof scheme) &&
		    part_get(url, CURLUPART_HOST, 0, place->host, sizeof place->host) &&
		    part_get(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof port);
	curl_url_cleanup(url);
	if (!good) return false;
	place->port = (unsigned)strtoul(port, NULL, 10);
	place->https = strcmp(scheme, "https") == 0;
	return place->https || (strcmp(scheme, "http") == 0 && is_here(place->host));
}

/* Names below localhost, too, are for this machine. */
static bool is_localhost(struct str host)
{
	return str_eq_nocase(host, STR("localhost")) || str_ends_nocase(host, STR(".localhost"));
}

/* A name whose last label begins with a digit is none that the DNS has, but what some library
 * may take for an address: 0x7f.1. One with a dot at its end is not asked of the DNS. */
static bool is_name(struct str host)
{
	ptrdiff_t dot = str_rfind(host, '.');
	struct str last = str_from(host, (size_t)(dot + 1));
	return dns_name_is_host(host) && last.len && !(last.at[0] >= '0' && last.at[0] <= '9');
}

bool web_is_for_strangers(struct str url)
{
	struct place place;
	if (!url_read(url, &place)) return false;
	struct str host = str_of(place.host);
	return place.https && is_name(host) && !is_localhost(host);
}

/* --- addresses -------------------------------------------------------------------------- */

static void job_start(struct web_job *job)
{
	struct web *w = job->web;
	job->what.at = buf_view(&job->at);
	if (!fetcher_put(w->fetcher, job->number, &job->what)) {
		job_fail(job, STR("too many questions to web servers wait"));
		return;
	}
	buf_wipe(&job->copies);
}

static void job_addresses(struct web_job *job)
{
	if (job->at.len == 0)
		job_fail(job, job->kept_off ? STR("the name of the web server leads to this machine or into a private network")
					    : STR("the name of the web server has no address now"));
	else job_start(job);
}

static void address_add(struct web_job *job, struct ip ip)
{
	if (job->at.len == 0) buf_fmt(&job->at, "+%s:%u:", job->host, job->port);
	else buf_byte(&job->at, ',');
	if (!ip_is_v4(ip)) buf_byte(&job->at, '[');
	ip_write(&job->at, ip);
	if (!ip_is_v4(ip)) buf_byte(&job->at, ']');
}

static bool is_ours(const struct web *w, struct ip ip)
{
	for (size_t i = 0; i < w->own_count; i++)
		if (ip_eq(w->own[i], ip)) return true;
	return false;
}

static void found(void *arg, enum dns_state state, struct str records)
{
	struct web_job *job = arg;
	struct ip ip;
	job->questions--;
	for (size_t i = 0; state == DNS_FOUND && i < WEB_ADDRESSES_MAX &&
			   (i + 1) * sizeof ip.octets <= records.len; i++) {
		memcpy(ip.octets, records.at + i * sizeof ip.octets, sizeof ip.octets);
		bool kept_off = job->outside && (!ip_is_public(ip) || is_ours(job->web, ip));
		job->kept_off |= kept_off;
		if (!kept_off) address_add(job, ip);
	}
	if (job->questions == 0) job_addresses(job);
}

/* Both families at once; a literal, and this machine's own name, need no question. */
static bool addresses_ask(struct web_job *job)
{
	struct names *names = job->web->names;
	struct str host = str_of(job->host);
	struct ip ip;
	if (is_here(job->host) || job->host[0] == '[' || ip_parse(host, &ip)) return false;
	job->questions += names_ask(names, host, DNS_AAAA, found, job);
	job->questions += names_ask(names, host, DNS_A, found, job);
	return true;
}

/* --- requests --------------------------------------------------------------------------- */

static struct str copy(struct buf *copies, struct str text)
{
	size_t before = copies->len;
	buf_str(copies, text);
	return str_from(buf_view(copies), before);
}

/* The room is there from the start, so that nothing moves. */
static bool what_copy(struct web_job *job, const struct fetch *what)
{
	size_t len = what->url.len + what->body.len + what->type.len + what->login.len;
	buf_init(&job->copies, len);
	if (!buf_room(&job->copies, len)) return false;
	job->what = (struct fetch){ .url = copy(&job->copies, what->url), .ca = what->ca,
		.body = copy(&job->copies, what->body), .type = copy(&job->copies, what->type),
		.login = copy(&job->copies, what->login) };
	return true;
}

static bool ask(struct web *w, const struct fetch *what, bool outside, web_fn *fn, void *arg)
{
	struct place place;
	struct web_job *job = w->fetcher && w->count < WEB_MAX ? calloc(1, sizeof *job) : NULL;
	if (!job) return false;
	*job = (struct web_job){ .web = w, .number = ++w->last, .fn = fn, .arg = arg, .outside = outside };
	list_add_tail(&w->jobs, &job->link);
	w->count++;
	buf_init_fixed(&job->at, job->at_text, sizeof job->at_text);
	if (url_read(what->url, &place) && what_copy(job, what)) {
		memcpy(job->host, place.host, sizeof job->host);
		job->port = place.port;
		bool named = addresses_ask(job);
		if (named ? job->questions > 0 : fetcher_put(w->fetcher, job->number, &job->what))
			return true;
	}
	job_free(job);
	return false;
}

bool web_ask(struct web *w, const struct fetch *what, web_fn *fn, void *arg)
{
	return ask(w, what, false, fn, arg);
}

bool web_ask_for_stranger(struct web *w, const struct fetch *what, bool near, web_fn *fn, void *arg)
{
	return web_is_for_strangers(what->url) && ask(w, what, !near, fn, arg);
}

void web_forget(struct web *w, const void *arg)
{
	LIST_EACH(l, &w->jobs)
	{
		struct web_job *job = CONTAINER(l, struct web_job, link);
		if (job->arg == arg) job->fn = NULL;
	}
}

/* --- life ------------------------------------------------------------------------------- */

static void fetched(void *arg, uint64_t number, const struct fetched *result)
{
	struct web *w = arg;
	LIST_EACH(l, &w->jobs)
	{
		struct web_job *job = CONTAINER(l, struct web_job, link);
		if (job->number != number) continue;
		job_end(job, result);
		return;
	}
}

bool web_prepare(void) { return fetcher_prepare(); }

bool web_init(struct web *w, struct loop *loop, struct names *names)
{
	*w = (struct web){ .loop = loop, .names = names };
	list_init(&w->jobs);
	w->fetcher = fetcher_new(loop, &(struct fetcher_spec){
		.threads = WEB_THREADS, .timeout_ms = WEB_MS, .fn = fetched, .arg = w });
	return w->fetcher != NULL;
}

void web_free(struct web *w)
{
	fetcher_free(w->fetcher);
	w->fetcher = NULL;
	while (!list_empty(&w->jobs)) job_free(CONTAINER(w->jobs.next, struct web_job, link));
}
