-- One row a tag again: the newest stays, and deploys of the others point at it; their own digests are in their own rows.
UPDATE deploys d SET release_id = kept.id
FROM releases r, LATERAL (SELECT id FROM releases n WHERE n.service = r.service AND n.image_tag = r.image_tag
  ORDER BY n.image_digest IS NULL, n.created_at DESC, n.id LIMIT 1) kept
WHERE r.id = d.release_id AND kept.id <> r.id;
DELETE FROM releases r WHERE r.id <> (SELECT n.id FROM releases n WHERE n.service = r.service AND n.image_tag = r.image_tag
  ORDER BY n.image_digest IS NULL, n.created_at DESC, n.id LIMIT 1);
DROP INDEX releases_by_tag;
CREATE UNIQUE INDEX releases_by_tag ON releases (service, image_tag);
