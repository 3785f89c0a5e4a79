#include "seen.h"

#include "shape.h"

#include <stdlib.h>

#define MAX_LATENCY_NS UINT64_C(60000000000)

static struct seen_stream *find(struct seen *seen, const struct signature *sig)
{
	for (unsigned i = 0; i < seen->n_streams; i++)
		if (seen->streams[i]->id == sig->stream)
			return seen->streams[i];
	if (seen->n_streams == SEEN_MAX)
		return NULL;
	struct seen_stream *stream = calloc(1, sizeof(*stream));
	if (!stream)
		return NULL;
	stream->id = sig->stream;
	stream->base = sig->number;
	seen->streams[seen->n_streams++] = stream;
	return stream;
}

void seen_add(struct seen *seen, const uint8_t *data, uint32_t len, uint64_t now_ns)
{
	struct signature sig;

	seen->frames++;
	seen->bytes += len + STREAM_FCS;
	if (!signature_read(data, len, &sig)) {
		seen->foreign++;
		return;
	}
	struct seen_stream *stream = find(seen, &sig);
	int64_t n = stream ? track_extend(stream->track.next, sig.number - stream->base) : -1;
	if (n < 0) {
		seen->others++;
		return;
	}
	stream->bytes += len + STREAM_FCS;
	uint64_t ns = (now_ns - sig.ns) & ((UINT64_C(1) << 48) - 1);
	if (track_see(&stream->track, (uint64_t)n) == TRACK_NEW && ns < MAX_LATENCY_NS)
		hist_add(&stream->latency, ns);
}

void seen_done(struct seen *seen)
{
	while (seen->n_streams)
		free(seen->streams[--seen->n_streams]);
}

json_t *seen_to_json(const struct seen *seen)
{
	json_t *streams = json_array();

	for (unsigned i = 0; i < seen->n_streams; i++) {
		const struct seen_stream *s = seen->streams[i];
		const struct track *t = &s->track;

		(void)json_array_append_new(streams,
			json_pack("{s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "id", s->id, "received",
				(json_int_t)t->received, "lost",
				(json_int_t)(t->next - t->received), "duplicated",
				(json_int_t)t->duplicated, "reordered", (json_int_t)t->reordered,
				"bytes", (json_int_t)s->bytes, "p50_ns",
				(json_int_t)hist_quantile(&s->latency, 0.5), "p99_ns",
				(json_int_t)hist_quantile(&s->latency, 0.99), "max_ns",
				(json_int_t)s->latency.max));
	}
	return json_pack("{s:I,s:I,s:I,s:I,s:o}", "frames", (json_int_t)seen->frames, "bytes",
		(json_int_t)seen->bytes, "foreign", (json_int_t)seen->foreign, "others",
		(json_int_t)seen->others, "streams", streams);
}
