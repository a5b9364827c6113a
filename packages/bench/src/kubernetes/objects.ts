// The objects of the API, as large as those of a real cluster. They follow recordings of a real cluster
// (packages/kubernetes/test/recordings), with the names and labels that cloud providers add.

export const namespace = 'shop'

export type Kind = 'pods' | 'endpointslices' | 'services'

/** `kind` and `apiVersion` of each kind. */
export const kinds = {
  pods: { kind: 'Pod', apiVersion: 'v1' },
  services: { kind: 'Service', apiVersion: 'v1' },
  endpointslices: { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1' },
} as const satisfies Record<Kind, { kind: string; apiVersion: string }>

export interface Pod {
  readonly name: string
  readonly uid: string
  readonly app: string
  readonly address: string
  readonly node: string
  readonly ready: boolean
  /** The deadline of a deleted pod, as in its metadata. */
  readonly deletionTimestamp?: string
  readonly annotations?: Readonly<Record<string, string>>
}

export type EndpointState = 'ready' | 'terminating'

export interface Slice {
  readonly name: string
  readonly uid: string
  readonly service: string
  readonly endpoints: readonly { readonly pod: Pod; readonly state: EndpointState }[]
}

export interface Service {
  readonly name: string
  readonly uid: string
}

export interface ObjectOf {
  readonly pods: Pod
  readonly endpointslices: Slice
  readonly services: Service
}

export const gracePeriod = 30

const created = '2026-11-21T00:47:21Z'
const managed = (manager: string, fields: object, subresource?: string): object => ({
  manager,
  operation: 'Update',
  apiVersion: 'v1',
  time: created,
  fieldsType: 'FieldsV1',
  fieldsV1: fields,
  ...(subresource ? { subresource } : {}),
})
/** The `fieldsV1` entries of these field names. */
const owned = (...names: string[]): object => Object.fromEntries(names.map((name) => [`f:${name}`, {}]))

const ownedProbe = owned('.', 'failureThreshold', 'httpGet', 'path', 'port', 'scheme', 'periodSeconds')

/** The labels of an object. */
export const labelsOf: { [K in Kind]: (object: ObjectOf[K]) => Readonly<Record<string, string>> } = {
  pods: ({ app, name }) => ({
    ...labelsOfApp(app),
    'pod-template-hash': hashOf(name),
    'topology.kubernetes.io/zone': 'eu-central-1a',
  }),
  endpointslices: ({ service }) => ({
    ...labelsOfApp(service),
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    'kubernetes.io/service-name': service,
  }),
  services: ({ name }) => labelsOfApp(name),
}

function labelsOfApp(app: string): Record<string, string> {
  return { 'app.kubernetes.io/name': app, 'app.kubernetes.io/part-of': namespace }
}

/** The hash of the ReplicaSet in the name of a pod. */
function hashOf(pod: string): string {
  return pod.split('-').at(-2) ?? ''
}

/** The fields of an object after `kind` and `apiVersion`, as the API writes them. */
export const fieldsOf: { [K in Kind]: (object: ObjectOf[K], version: number) => object } = {
  pods(pod, version) {
    const { name, uid, app, address, node, ready, deletionTimestamp, annotations } = pod
    const status = ready ? 'True' : 'False'
    const condition = (type: string, status: string): object => ({
      type,
      status,
      lastProbeTime: null,
      lastTransitionTime: created,
    })
    const owner = `${app}-${hashOf(name)}`
    const env = ['POD_NAME', 'POD_NAMESPACE', 'POD_IP', 'NODE_NAME']
    const probe = { timeoutSeconds: 1, periodSeconds: 1, successThreshold: 1, failureThreshold: 1 }
    const account = 'kube-api-access-x7k2p'
    return {
      metadata: {
        name,
        generateName: `${owner}-`,
        namespace,
        uid,
        resourceVersion: String(version),
        creationTimestamp: created,
        ...(deletionTimestamp ? { deletionTimestamp, deletionGracePeriodSeconds: gracePeriod } : {}),
        labels: labelsOf.pods(pod),
        ...(annotations ? { annotations } : {}),
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'ReplicaSet',
            name: owner,
            uid: '7acbdde9-e5fb-448d-a514-bbf736d55451',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
        managedFields: [
          managed('kube-controller-manager', {
            'f:metadata': {
              ...owned('generateName', 'ownerReferences'),
              'f:labels': owned('.', 'app.kubernetes.io/name', 'app.kubernetes.io/part-of', 'pod-template-hash'),
            },
            'f:spec': {
              'f:containers': {
                'k:{"name":"app"}': {
                  ...owned('.', 'image', 'imagePullPolicy', 'lifecycle', 'name', 'ports', 'resources'),
                  'f:env': Object.fromEntries(
                    env.map((each) => [`k:{"name":"${each}"}`, owned('.', 'name', 'valueFrom', 'fieldRef')]),
                  ),
                  'f:livenessProbe': ownedProbe,
                  'f:readinessProbe': ownedProbe,
                  ...owned('securityContext', 'terminationMessagePath', 'terminationMessagePolicy'),
                },
              },
              ...owned('dnsPolicy', 'enableServiceLinks', 'restartPolicy', 'schedulerName', 'securityContext'),
              ...owned('serviceAccount', 'serviceAccountName', 'terminationGracePeriodSeconds', 'affinity'),
              ...owned('topologySpreadConstraints'),
            },
          }),
          managed(
            'kubelet',
            {
              'f:status': {
                'f:conditions': Object.fromEntries(
                  ['ContainersReady', 'Initialized', 'PodReadyToStartContainers', 'Ready'].map((type) => [
                    `k:{"type":"${type}"}`,
                    owned('.', 'lastProbeTime', 'lastTransitionTime', 'status', 'type'),
                  ]),
                ),
                ...owned('containerStatuses', 'hostIP', 'hostIPs', 'phase', 'startTime', 'podIP'),
                'f:podIPs': { [`k:{"ip":"${address}"}`]: owned('.', 'ip') },
              },
            },
            'status',
          ),
        ],
      },
      spec: {
        volumes: [
          {
            name: account,
            projected: {
              sources: [
                { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
                { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
                {
                  downwardAPI: {
                    items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
                  },
                },
              ],
              defaultMode: 420,
            },
          },
        ],
        containers: [
          {
            name: 'app',
            image: `registry.example.com/${namespace}/${app}:1.42.0`,
            ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
            env: env.map((each) => ({
              name: each,
              valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } },
            })),
            resources: { limits: { memory: '512Mi' }, requests: { cpu: '250m', memory: '512Mi' } },
            volumeMounts: [
              { name: account, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
            ],
            livenessProbe: { httpGet: { path: '/livez', port: 'http', scheme: 'HTTP' }, ...probe },
            readinessProbe: { httpGet: { path: '/readyz', port: 'http', scheme: 'HTTP' }, ...probe },
            lifecycle: { preStop: { httpGet: { path: '/prestop', port: 'http', scheme: 'HTTP' } } },
            terminationMessagePath: '/dev/termination-log',
            terminationMessagePolicy: 'File',
            imagePullPolicy: 'IfNotPresent',
            securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true },
          },
        ],
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: gracePeriod,
        dnsPolicy: 'ClusterFirst',
        serviceAccountName: 'podrain',
        serviceAccount: 'podrain',
        nodeName: node,
        securityContext: {},
        schedulerName: 'default-scheduler',
        tolerations: ['not-ready', 'unreachable'].map((taint) => ({
          key: `node.kubernetes.io/${taint}`,
          operator: 'Exists',
          effect: 'NoExecute',
          tolerationSeconds: 300,
        })),
        priority: 0,
        enableServiceLinks: true,
        preemptionPolicy: 'PreemptLowerPriority',
      },
      status: {
        phase: 'Running',
        conditions: [
          condition('PodReadyToStartContainers', 'True'),
          condition('Initialized', 'True'),
          condition('Ready', status),
          condition('ContainersReady', status),
          condition('PodScheduled', 'True'),
        ],
        hostIP: '10.0.12.138',
        hostIPs: [{ ip: '10.0.12.138' }],
        podIP: address,
        podIPs: [{ ip: address }],
        startTime: created,
        containerStatuses: [
          {
            name: 'app',
            state: { running: { startedAt: created } },
            lastState: {},
            ready,
            restartCount: 0,
            image: `registry.example.com/${namespace}/${app}:1.42.0`,
            imageID: `registry.example.com/${namespace}/${app}@sha256:586ea6c728abc1e80324351d63fb73edbb53230e60165623bfb81244ab0f1953`,
            containerID: `containerd://${uid.replaceAll('-', '').repeat(2)}`,
            started: true,
          },
        ],
        qosClass: 'Burstable',
      },
    }
  },

  endpointslices(slice, version) {
    const { name, uid, service, endpoints } = slice
    return {
      metadata: {
        name,
        generateName: `${service}-`,
        namespace,
        uid,
        resourceVersion: String(version),
        generation: version % 1000,
        creationTimestamp: created,
        labels: labelsOf.endpointslices(slice),
        annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': created },
        ownerReferences: [
          {
            apiVersion: 'v1',
            kind: 'Service',
            name: service,
            uid: '01d5344b-621e-4aa2-9bf9-9d164f07d192',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
        managedFields: [
          managed('kube-controller-manager', {
            ...owned('addressType', 'endpoints', 'ports'),
            'f:metadata': owned('annotations', 'generateName', 'labels', 'ownerReferences'),
          }),
        ],
      },
      addressType: 'IPv4',
      endpoints: endpoints.map(({ pod, state }) => ({
        addresses: [pod.address],
        conditions: { ready: state === 'ready', serving: true, terminating: state === 'terminating' },
        targetRef: { kind: 'Pod', namespace, name: pod.name, uid: pod.uid },
        nodeName: pod.node,
        zone: 'eu-central-1a',
        hints: { forZones: [{ name: 'eu-central-1a' }], forNodes: [{ name: pod.node }] },
      })),
      ports: [{ name: 'http', appProtocol: 'http', protocol: 'TCP', port: 8080 }],
    }
  },

  services(service, version) {
    const { name, uid } = service
    return {
      metadata: {
        name,
        namespace,
        uid,
        resourceVersion: String(version),
        creationTimestamp: created,
        labels: labelsOf.services(service),
        managedFields: [
          managed('kubectl', {
            'f:metadata': owned('labels'),
            'f:spec': owned('internalTrafficPolicy', 'ports', 'selector', 'sessionAffinity', 'type'),
          }),
        ],
      },
      spec: {
        ports: [{ name: 'http', appProtocol: 'http', protocol: 'TCP', port: 80, targetPort: 'http' }],
        selector: { 'app.kubernetes.io/name': name },
        clusterIP: '10.96.12.138',
        clusterIPs: ['10.96.12.138'],
        type: 'ClusterIP',
        sessionAffinity: 'None',
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        internalTrafficPolicy: 'Cluster',
      },
      status: { loadBalancer: {} },
    }
  },
}
