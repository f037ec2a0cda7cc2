import type { ComponentType } from 'preact';
import { lazily } from './parts/lazily';
import { SkeletonRows } from './parts/Loadable';
import { RangeMenu } from './parts/RangePicker';

// Each page is a chunk of its own, so that none pays for another.

const lazyPage = <P extends object>(fetchPage: () => Promise<ComponentType<P>>) =>
  lazily(fetchPage, <SkeletonRows rows={6} height={64} />);

export const LazyHomePage = lazyPage(async () => (await import('./pages/home/HomePage')).HomePage);
export const LazyServicePage = lazyPage<{ name: string }>(
  async () => (await import('./pages/service/ServicePage')).ServicePage,
);
export const LazyAlertsPage = lazyPage(
  async () => (await import('./pages/alerts/AlertsPage')).AlertsPage,
);
export const LazyHistoryPage = lazyPage(
  async () => (await import('./pages/alerts/HistoryPage')).HistoryPage,
);
export const LazyRulesPage = lazyPage(
  async () => (await import('./pages/alerts/RulesPage')).RulesPage,
);
export const LazySilencesPage = lazyPage(
  async () => (await import('./pages/alerts/SilencesPage')).SilencesPage,
);
export const LazyNotificationsPage = lazyPage(
  async () => (await import('./pages/alerts/NotificationsPage')).NotificationsPage,
);
export const LazyLibraryPage = lazyPage(
  async () => (await import('./pages/library/LibraryPage')).LibraryPage,
);
export const LazyMappingsPage = lazyPage(
  async () => (await import('./pages/mappings/MappingsPage')).MappingsPage,
);
export const LazyPackPage = lazyPage<{ id: string }>(
  async () => (await import('./pages/library/PackPage')).PackPage,
);
export const LazyDashboardsPage = lazyPage(
  async () => (await import('./pages/dashboards/DashboardsPage')).DashboardsPage,
);
export const LazyDashboardPage = lazyPage<{ id: string }>(
  async () => (await import('./pages/dashboards/DashboardPage')).DashboardPage,
);

export const LazyImportedPage = lazyPage<{ uid: string }>(
  async () => (await import('./pages/dashboards/ImportedPage')).ImportedPage,
);
export const LazyExpressionPage = lazyPage(
  async () => (await import('./pages/expression/ExpressionPage')).ExpressionPage,
);
export const LazyTargetsPage = lazyPage(
  async () => (await import('./pages/targets/TargetsPage')).TargetsPage,
);
export const LazyIncidentsPage = lazyPage(
  async () => (await import('./pages/incidents/IncidentsPage')).IncidentsPage,
);
export const LazyIncidentPage = lazyPage<{ id: string }>(
  async () => (await import('./pages/incidents/IncidentPage')).IncidentPage,
);
export const LazyInsightsPage = lazyPage(
  async () => (await import('./pages/insights/InsightsPage')).InsightsPage,
);
export const LazyGraphPage = lazyPage(
  async () => (await import('./pages/graph/GraphPage')).GraphPage,
);
export const LazyEntityPage = lazyPage<{ type: string; name: string }>(
  async () => (await import('./pages/entity/EntityPage')).EntityPage,
);

export const LazyHelpDialog = lazily<{
  shortcuts: { keys: string; does: string }[];
  onClose: () => void;
}>(async () => (await import('./parts/HelpDialog')).HelpDialog, null);

export const LazyObjectivesPage = lazyPage(
  async () => (await import('./pages/objectives/ObjectivesPage')).ObjectivesPage,
);
export const LazyObjectivePage = lazyPage<{ id: string }>(
  async () => (await import('./pages/objectives/ObjectivePage')).ObjectivePage,
);

/** Fetches what is opened most, once the first page has had its time. */
export function prefetchPages(): () => void {
  const timer = setTimeout(() => {
    void LazyHomePage.prefetch();
    void LazyServicePage.prefetch();
    void LazyIncidentPage.prefetch();
    void LazyAlertsPage.prefetch();
    void RangeMenu.prefetch();
    void LazyHelpDialog.prefetch();
  }, 1_500);
  return () => clearTimeout(timer);
}
