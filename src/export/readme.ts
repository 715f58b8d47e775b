/** The text for the person who opens an export. The same for the same slice. */
import type { ManifestHead } from './manifest.ts';

const MEMBERS: Readonly<Record<ManifestHead['question']['formats'][number], string>> = {
  rsmf: `rsmf/            RSMF 2.0 for review platforms: a file for each conversation and day`,
  eml: `eml/             an e-mail message (EML) for each chat message, all its versions in it`,
  csv: `csv/             a table (UTF-8, comma): a row for each version of a message`,
  ndjson: `ndjson/          the records as they are: a JSON object a line, \`record\` is what Zoom sent`,
  html: `html/            transcripts for reading and printing: a page for each conversation and day`,
  dat: `dat/             Concordance load file with control numbers, text of each message in dat/TEXT`,
};

export function readmeText({ archive, question, counts }: Omit<ManifestHead, 'made'>): string {
  return `Export of archived Zoom Team Chat messages
==========================================

Account      ${archive.account}
Archive      ${archive.origin}, ${archive.size} entries (the file \`checkpoint\` has its signed head)
Messages     ${counts.messages} in ${counts.conversations} conversations; ${counts.revisions} versions of them, edits and deletions included
Time zone    ${question.zone}

Who made it, when and why: manifest.json, member "made".
What was asked for: manifest.json, member "question".
Time that nobody collected (${counts.holes} holes): coverage.json. What is not in the archive cannot be in this export.

What is in it
-------------

${question.formats.map((format) => MEMBERS[format]).join('\n')}
${counts.files > 0 ? 'files/           files of the messages, named by their SHA-256\n' : ''}${question.proofs ? 'proofs/          for each version of a message the bytes that were archived, and a proof\n' : ''}coverage.json    which time was collected, with its holes
checkpoint       the signed head of the archive's log
SHA256SUMS       hashes of the files
manifest.json    all of the above, and hashes of all files

How to check it
---------------

1. Nothing was changed since it was made. With the tools of any Unix:

     unzip export.zip -d export && cd export && sha256sum -c SHA256SUMS

   The hash of SHA256SUMS itself stands in manifest.json; that of the whole ZIP was told to whoever made it.

2. The messages are those of the archive. With zoom-chat-archiver, without network:

     zoom-chat-archiver verify-export export.zip --key '${archive.key}'

   Take the key from whoever runs the archive, not from here. It checks every file, every proof against the signed
   head, and that all formats hold the same versions.
${
  question.proofs
    ? `
3. A single message, with other tools: each file in proofs/ is a C2SP tlog-proof (https://c2sp.org/tlog-proof); the file
   .record beside it is what was archived. "Verify by hand" in the documentation of zoom-chat-archiver says how.
`
    : ''
}
Messages were written by others. Names and texts stand here as they were archived: open attachments with care.
`;
}
