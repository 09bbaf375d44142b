import { useQuery } from "@tanstack/react-query";
import type { TaskView } from "@valet/contracts";
import { Button, Dialog } from "@valet/ui";
import { useState } from "react";
import { useApp } from "../app-context.tsx";
import { failureWords } from "../failure.ts";
import { keys } from "../query-keys.ts";

type Artifact = TaskView["artifacts"][number];

/** Screenshots as pictures that open large, other files as downloads. */
export function ArtifactGallery(props: { taskId: string; artifacts: readonly Artifact[] }) {
  const [openId, setOpenId] = useState<string | null>(null);
  const pictures = props.artifacts.filter(isPicture);
  const files = props.artifacts.filter((artifact) => !isPicture(artifact));
  const open = pictures.find((picture) => picture.id === openId);
  if (props.artifacts.length === 0) return <p className="text-muted">There are none.</p>;
  return (
    <>
      <ul aria-label="Screenshots" className="grid grid-cols-2 gap-3">
        {pictures.map((picture) => (
          <li key={picture.id}>
            <button
              type="button"
              className="block w-full cursor-zoom-in text-left"
              onClick={() => setOpenId(picture.id)}
            >
              <span className="panel block aspect-video overflow-hidden">
                <Picture taskId={props.taskId} artifact={picture} className="size-full object-cover object-top" />
              </span>
              <span className="mt-1 block truncate text-xs text-muted">{picture.name}</span>
            </button>
          </li>
        ))}
      </ul>
      {files.length === 0 ? null : (
        <ul aria-label="Files" className="mt-3 space-y-1">
          {files.map((file) => (
            <FileRow key={file.id} taskId={props.taskId} artifact={file} />
          ))}
        </ul>
      )}
      {open === undefined ? null : (
        <Dialog title={open.name} wide onClose={() => setOpenId(null)}>
          <Picture taskId={props.taskId} artifact={open} className="max-h-[70vh] w-full object-contain" />
          <div className="mt-4 flex items-center justify-between text-xs text-muted">
            <span>
              {sizeWords(open.bytes)}, {open.contentType}
            </span>
            <Button onClick={() => setOpenId(null)}>Close</Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

function Picture(props: { taskId: string; artifact: Artifact; className: string }) {
  const { data, error } = useArtifactUrl(props.taskId, props.artifact, true);
  if (error !== null)
    return <span className="block p-2 text-xs text-bad">Could not be loaded. {failureWords(error)}</span>;
  if (data === undefined)
    return (
      <span className="bone block size-full bg-sunken" role="status" aria-label={`Loading ${props.artifact.name}`} />
    );
  return <img src={data} alt={`Screenshot ${props.artifact.name}`} className={props.className} />;
}

function FileRow(props: { taskId: string; artifact: Artifact }) {
  const { artifact } = props;
  const { data, error, isFetching, refetch } = useArtifactUrl(props.taskId, artifact, false);
  return (
    <li className="flex items-baseline justify-between gap-3">
      {data === undefined ? (
        <button
          type="button"
          className="text-link min-w-0 cursor-pointer truncate"
          disabled={isFetching}
          onClick={() => void refetch()}
        >
          {artifact.name}
        </button>
      ) : (
        <a href={data} download={artifact.name} className="text-link min-w-0 truncate">
          Save {artifact.name}
        </a>
      )}
      <span className="shrink-0 text-xs text-muted">
        {error === null ? sizeWords(artifact.bytes) : failureWords(error)}
      </span>
    </li>
  );
}

/** The bytes as a data address: an image tag cannot send our token, and a data address needs no cleaning up. */
function useArtifactUrl(taskId: string, artifact: Artifact, enabled: boolean) {
  const { api } = useApp();
  return useQuery({
    queryKey: [...keys.task(taskId), "artifact", artifact.sha256],
    queryFn: async ({ signal }) => {
      const response = await api.getArtifact({ params: { id: taskId, artifactId: artifact.id }, signal });
      return dataUrlOf(await response.blob());
    },
    enabled,
    staleTime: Infinity,
  });
}

function dataUrlOf(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(new Error("the file could not be read", { cause: reader.error }));
    reader.readAsDataURL(blob);
  });
}

function isPicture(artifact: Artifact): boolean {
  return /^image\/(png|jpeg|webp)$/.test(artifact.contentType);
}

export function sizeWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
