-- compatible-since: 1
-- A tag may mean another digest tomorrow: each digest it has meant is a release of its own, and can be gone back to. One row a tag
-- is without a digest: the release whose tag nobody has resolved yet.
DROP INDEX releases_by_tag;
CREATE UNIQUE INDEX releases_by_tag ON releases (service, image_tag, coalesce(image_digest, ''));
