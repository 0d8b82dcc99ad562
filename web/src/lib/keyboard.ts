/**
 * Keeps free what a keyboard on the screen covers. Where the browser makes the page itself smaller
 * (`interactive-widget=resizes-content`) there is nothing left to do; Safari only moves what is seen of it.
 */
export function underKeyboard(viewport: VisualViewport | null): (node: HTMLElement) => () => void {
  return (node) => {
    const fit = () => {
      if (viewport === null) return;
      // Whoever has zoomed in sees less for another reason.
      const covered = viewport.scale === 1 ? Math.max(0, innerHeight - viewport.height) : 0;
      node.style.setProperty('--keyboard', `${Math.round(covered)}px`);
      if (covered > 0) scrollTo(0, 0);
    };
    viewport?.addEventListener('resize', fit);
    return () => {
      viewport?.removeEventListener('resize', fit);
    };
  };
}
