-- These views read the segments that the log named at this checkpoint, and no others. _segment, _entry and _row say where
-- a row stands. The bytes are not compared with the log.
-- A message is verified by its id: zoom-chat-archiver prove --message ID --out FOLDER, then verify-proof with the public key.
-- The whole archive is verified with zoom-chat-archiver verify.

-- Once in a session: install httpfs; load httpfs; create secret (type s3, provider credential_chain);

create or replace view messages as select records.* exclude (filename, file_row_number),
    url_decode(regexp_extract(filename, '(segments/stream=([^/]+)/class=([^/]+)/date=([^/]+)/[^/]+)$', 2)) as stream, url_decode(regexp_extract(filename, '(segments/stream=([^/]+)/class=([^/]+)/date=([^/]+)/[^/]+)$', 3)) as class, regexp_extract(filename, '(segments/stream=([^/]+)/class=([^/]+)/date=([^/]+)/[^/]+)$', 4)::date as date,
    regexp_extract(filename, '(segments/stream=([^/]+)/class=([^/]+)/date=([^/]+)/[^/]+)$', 1) as _segment, places.entry as _entry, file_row_number as _row
  from read_parquet(['s3://archive/zoom/segments/stream=messages/class=trading/date=2026-05-02/0000000000000000000000000000000000000000000000000000000000000003.parquet', 's3://archive/zoom/segments/stream=messages/class=default/date=2026-04-30/0000000000000000000000000000000000000000000000000000000000000001.parquet'],
    hive_partitioning = false, union_by_name = true, filename = true, file_row_number = true) as records
  join (values ('s3://archive/zoom/segments/stream=messages/class=trading/date=2026-05-02/0000000000000000000000000000000000000000000000000000000000000003.parquet', 3::bigint), ('s3://archive/zoom/segments/stream=messages/class=default/date=2026-04-30/0000000000000000000000000000000000000000000000000000000000000001.parquet', 1::bigint)) as places (path, entry) on places.path = records.filename;

create or replace view coverage as select records.* exclude (filename, file_row_number),
    url_decode(regexp_extract(filename, '(segments/stream=([^/]+)/class=([^/]+)/date=([^/]+)/[^/]+)$', 2)) as stream, url_decode(regexp_extract(filename, '(segments/stream=([^/]+)/class=([^/]+)/date=([^/]+)/[^/]+)$', 3)) as class, regexp_extract(filename, '(segments/stream=([^/]+)/class=([^/]+)/date=([^/]+)/[^/]+)$', 4)::date as date,
    regexp_extract(filename, '(segments/stream=([^/]+)/class=([^/]+)/date=([^/]+)/[^/]+)$', 1) as _segment, places.entry as _entry, file_row_number as _row
  from read_parquet(['s3://archive/zoom/segments/stream=coverage/class=default/date=2026-05-03/0000000000000000000000000000000000000000000000000000000000000002.parquet'],
    hive_partitioning = false, union_by_name = true, filename = true, file_row_number = true) as records
  join (values ('s3://archive/zoom/segments/stream=coverage/class=default/date=2026-05-03/0000000000000000000000000000000000000000000000000000000000000002.parquet', 2::bigint)) as places (path, entry) on places.path = records.filename;
