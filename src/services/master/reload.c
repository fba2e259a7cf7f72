/* SPDX-License-Identifier: Apache-2.0 */
/* A generation of the configuration: read, checked as a whole, and only then in use. A
 * wrong file never stops a running service. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "services/master/master.h"
#include "services/setup.h"

static void tell_one(struct master *m, const struct conf_error *e)
{
	char text[512];
	struct buf path;
	buf_init_fixed(&path, text, sizeof text);
	buf_str(&path, e->at.file);
	if (e->at.line) buf_fmt(&path, ":%u", e->at.line);
	if (e->at.line && e->column) buf_fmt(&path, ":%u", e->column);
	event_begin(&m->log,
		    e->severity == CONF_ERROR ? EVENT_config_error : EVENT_config_notice,
		    0, 0);
	event_str(&m->log, FIELD_reason, e->sentence);
	event_str(&m->log, FIELD_path, buf_view(&path));
	event_end(&m->log);
}

/* Reads, checks and packs; on success the caller has a configuration and a memfd. */
static int generation_make(const char *path, uint64_t number, struct conf **conf, int *fd,
			   struct conf_errors *errors, struct buf *text)
{
	struct conf_bundle bundle;
	int status = EX_CONFIG;
	*conf = NULL;
	*fd = -1;
	conf_bundle_init(&bundle);
	if (conf_load(path, &bundle, errors)) {
		bundle.generation = number;
		*conf = conf_parse(&bundle, errors);
	}
	if (*conf) {
		*fd = setup_conf_write(&bundle);
		status = *fd < 0 ? EX_OSERR : 0;
		if (*fd < 0)
			buf_fmt(text, "the configuration cannot be handed out: %s\n",
				strerror(-*fd));
	}
	conf_errors_write(errors, text);
	conf_bundle_free(&bundle);
	if (status == 0) return 0;
	conf_free(*conf);
	*conf = NULL;
	return status;
}

static int generation_use(struct master *m, struct buf *text)
{
	struct conf_errors errors;
	struct conf *conf;
	int fd;
	conf_errors_init(&errors);
	int status = generation_make(m->options.config, m->generation + 1, &conf, &fd,
				     &errors, text);
	/* The first one that fails ends the start: then stderr has it, and there is no
	 * log. */
	bool telling = status == 0 || m->generation > 0;
	for (size_t i = 0; telling && i < errors.count; i++) tell_one(m, &errors.list[i]);
	conf_errors_free(&errors);
	if (status != 0) return status;
	conf_free(m->conf);
	if (m->conf_fd >= 0) (void)close(m->conf_fd);
	m->conf = conf;
	m->conf_fd = fd;
	m->generation++;
	return 0;
}

int config_first(struct master *m, struct buf *text) { return generation_use(m, text); }

int config_reload(struct master *m, struct buf *text)
{
	if (m->phase == MASTER_STOPPING) {
		buf_str(text, STR("the service is stopping\n"));
		return EX_UNAVAILABLE;
	}
	notify_reloading();
	int status = generation_use(m, text);
	if (status == 0) {
		for (size_t i = 0; i < m->child_count; i++)
			child_send_conf(&m->children[i]);
		/* After the configuration that names them. */
		certificates_load(m);
		secrets_load(m);
		listeners_reload(m);
		event_begin(&m->log, EVENT_reload, 0, 0);
		event_i64(&m->log, FIELD_generation, (int64_t)m->generation);
		event_end(&m->log);
	}
	notify("READY=1");
	return status;
}

int config_check(const struct options *o)
{
	struct conf_errors errors;
	struct conf *conf;
	struct buf text;
	int fd;
	conf_errors_init(&errors);
	buf_init(&text, 64 * 1024);
	int status = generation_make(o->config, 1, &conf, &fd, &errors, &text);
	if (status == 0 && !certificates_check(conf, &text)) status = EX_CONFIG;
	if (status == 0 && !secrets_check(conf, &text)) status = EX_CONFIG;
	fprintf(stderr, "%.*s", STR_ARG(buf_view(&text)));
	if (fd >= 0) (void)close(fd);
	conf_free(conf);
	conf_errors_free(&errors);
	buf_free(&text);
	return status;
}
