/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/fetcher.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/os/tls.h"
#include "lib/os/workers.h"

enum { WHY_MAX = 256, TYPE_MAX = 128 };

struct job {
	struct link link;
	uint64_t id;
	int64_t put_ms;
	size_t body_len; /* a body may hold any octet */
	char *url, *body, *type, *login, *at; /* all but the first may be NULL */
	struct str ca;
	struct buf answer, answer_type, why;
	bool untrusted;
	long code;
	char type_text[TYPE_MAX], why_text[WHY_MAX];
};

struct fetcher {
	struct workers *workers;
	struct fetcher_spec spec;
};

struct transfer {
	struct fetcher *fetcher;
	struct job *job;
};

static int64_t now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- jobs ------------------------------------------------------------------------------- */

static void wiped_free(char *text, size_t len)
{
	if (text) explicit_bzero(text, len);
	free(text);
}

static void job_free(struct job *job)
{
	free(job->url);
	wiped_free(job->body, job->body_len);
	wiped_free(job->login, job->login ? strlen(job->login) : 0);
	free(job->type);
	free(job->at);
	buf_free(&job->answer);
	free(job);
}

/* False: no memory. A string that is empty stays NULL. */
static bool copy(char **out, struct str text)
{
	if (!text.len) return true;
	*out = malloc(text.len + 1);
	if (!*out) return false;
	memcpy(*out, text.at, text.len);
	(*out)[text.len] = '\0';
	return true;
}

static struct job *job_new(uint64_t id, const struct fetch *what)
{
	struct job *job = calloc(1, sizeof *job);
	if (!job) return NULL;
	job->id = id;
	job->put_ms = now_ms();
	job->ca = what->ca;
	job->body_len = what->body.len;
	buf_init(&job->answer, FETCHER_ANSWER_MAX);
	buf_init_fixed(&job->answer_type, job->type_text, sizeof job->type_text);
	buf_init_fixed(&job->why, job->why_text, sizeof job->why_text);
	if (copy(&job->url, what->url) && copy(&job->body, what->body) && copy(&job->type, what->type) &&
	    copy(&job->login, what->login) && copy(&job->at, what->at) && job->url)
		return job;
	job_free(job);
	return NULL;
}

/* --- one transfer, on a thread ---------------------------------------------------------- */

static size_t take(char *bytes, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	buf_bytes(&t->job->answer, bytes, size * count);
	return t->job->answer.overflowed ? 0 : size * count;
}

static int look(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct transfer *t = arg;
	(void)a, (void)b, (void)c, (void)d;
	return workers_are_stopping(t->fetcher->workers);
}

/* Whatever environment and files could change is said here. */
static void options_set(CURL *curl, struct transfer *t)
{
	struct job *job = t->job;
	struct curl_blob ca = { (void *)(uintptr_t)job->ca.at, job->ca.len, CURL_BLOB_NOCOPY };
	(void)curl_easy_setopt(curl, CURLOPT_URL, job->url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, t->fetcher->spec.timeout_ms);
	(void)curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, (long)FETCHER_ANSWER_MAX);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "ims/" IMS_VERSION);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (ca.len) (void)curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &ca);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	if (job->body) {
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)job->body_len);
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, job->body);
	}
	if (!job->login) return;
	(void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	(void)curl_easy_setopt(curl, CURLOPT_USERPWD, job->login);
}

static bool list_set(CURL *curl, CURLoption option, struct curl_slist **list, const char *text)
{
	*list = curl_slist_append(NULL, text);
	return *list && curl_easy_setopt(curl, option, *list) == CURLE_OK;
}

/* What the library borrows until the transfer has ended. */
static bool lists_set(CURL *curl, const struct job *job, struct curl_slist *lists[2])
{
	char memory[TYPE_MAX + 32];
	struct buf header;
	buf_init_fixed(&header, memory, sizeof memory);
	buf_fmt(&header, "Content-Type: %s", job->type ? job->type : "");
	buf_byte(&header, '\0');
	if (job->at && !list_set(curl, CURLOPT_RESOLVE, &lists[0], job->at)) return false;
	if (!job->type) return true;
	return !header.overflowed && list_set(curl, CURLOPT_HTTPHEADER, &lists[1], memory);
}

static void answer_look(CURL *curl, struct job *job)
{
	const char *type = NULL;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &job->code);
	(void)curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	if (type) buf_str(&job->answer_type, str_of(type));
	if (job->answer_type.overflowed) job->answer_type.len = 0;
}

static void job_run(struct fetcher *f, struct job *job, CURL *curl)
{
	struct transfer t = { f, job };
	if (!curl) {
		buf_str(&job->why, STR("no memory"));
		return;
	}
	if (now_ms() - job->put_ms > FETCHER_WAIT_MS) {
		buf_str(&job->why, STR("too many questions wait"));
		return;
	}
	curl_easy_reset(curl);
	options_set(curl, &t);
	struct curl_slist *lists[2] = { NULL, NULL };
	CURLcode result = lists_set(curl, job, lists) ? curl_easy_perform(curl) : CURLE_OUT_OF_MEMORY;
	if (result == CURLE_OK) answer_look(curl, job);
	job->untrusted = result == CURLE_PEER_FAILED_VERIFICATION;
	curl_slist_free_all(lists[0]);
	curl_slist_free_all(lists[1]);
	if (job->answer.overflowed) buf_str(&job->why, STR("the answer is too long"));
	else if (result != CURLE_OK) buf_str(&job->why, str_of(curl_easy_strerror(result)));
	else if (job->code != 200) buf_fmt(&job->why, "the server says %ld", job->code);
	curl_easy_reset(curl); /* the login is forgotten, the connection stays */
}

static void run(void *arg, struct link *link, void **own)
{
	if (!*own) *own = curl_easy_init();
	job_run(arg, CONTAINER(link, struct job, link), *own);
}

/* --- the loop's side -------------------------------------------------------------------- */

static void done(void *arg, struct link *link)
{
	struct fetcher *f = arg;
	struct job *job = CONTAINER(link, struct job, link);
	const struct fetched result = { .text = buf_view(&job->answer),
					.type = buf_view(&job->answer_type),
					.why = buf_view(&job->why),
					.untrusted = job->untrusted,
					.code = job->code };
	f->spec.fn(f->spec.arg, job->id, &result);
	job_free(job);
}

static void drop(struct link *link) { job_free(CONTAINER(link, struct job, link)); }

bool fetcher_prepare(void)
{
	return tls_prepare() && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

struct fetcher *fetcher_new(struct loop *loop, const struct fetcher_spec *spec)
{
	struct fetcher *f = calloc(1, sizeof *f);
	if (!f) return NULL;
	f->spec = *spec;
	f->workers = workers_new(loop, &(struct workers_spec){
		.threads = spec->threads, .jobs_max = FETCHER_JOBS_MAX, .counts_all = true,
		.run = run, .end_own = curl_easy_cleanup, .done = done, .drop = drop, .arg = f });
	if (f->workers) return f;
	free(f);
	return NULL;
}

void fetcher_free(struct fetcher *f)
{
	if (!f) return;
	workers_free(f->workers);
	free(f);
}

bool fetcher_put(struct fetcher *f, uint64_t id, const struct fetch *what)
{
	struct job *job = job_new(id, what);
	if (!job) return false;
	if (workers_put(f->workers, &job->link)) return true;
	job_free(job);
	return false;
}
