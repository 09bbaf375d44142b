// @vitest-environment happy-dom
import { fireEvent, screen, waitFor } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { renderApp } from "../testing/render-app.tsx";
import { safeReturn } from "./login-page.tsx";

describe("signing in", () => {
  it("exchanges a one-time link once and goes to the fleet, leaving no link in the address", async () => {
    const { router, asked } = await renderApp("/login?link=abc123");
    await waitFor(() => expect(router.state.location.pathname).toBe("/fleet"));
    expect(asked.filter((line) => line === "POST /api/v1/auth/login-link/exchange")).toHaveLength(1);
    expect(router.state.location.search).not.toHaveProperty("link");
    expect(window.sessionStorage.getItem("valet.token")).toBeNull();
  });

  it("goes back to the page that asked for the sign-in", async () => {
    const { router } = await renderApp("/login?link=abc123&from=%2Ftasks%3Fstate%3Dfailed");
    await waitFor(() => expect(router.state.location.pathname).toBe("/tasks"));
    expect(router.state.location.search).toEqual({ state: "failed" });
  });

  it("keeps a token for this tab when the API knows it", async () => {
    const { router } = await renderApp("/login");
    fireEvent.change(await screen.findByLabelText("API token"), { target: { value: " token-1 " } });
    fireEvent.click(screen.getByRole("button", { name: "Sign in" }));
    await waitFor(() => expect(router.state.location.pathname).toBe("/fleet"));
    expect(window.sessionStorage.getItem("valet.token")).toBe("token-1");
  });

  it("never sends the reader to another site", () => {
    expect(safeReturn("/deploys?state=paused")).toBe("/deploys?state=paused");
    for (const from of ["https://evil.example", "//evil.example", "/\\evil.example", "/login?link=x", undefined]) {
      expect(safeReturn(from)).toBeNull();
    }
  });
});
