package cluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Grant gives the user the rights of the rules, in all namespaces, in place of
// those of earlier calls. It returns when they are in force. AdminUser may do
// everything at any rate.
func (c *Cluster) Grant(ctx context.Context, user User, rules ...rbacv1.PolicyRule) error {
	// The API server learns of a role by a watch of its own. A rule about
	// nothing, new at each call, shows when it has.
	mark := rbacv1.PolicyRule{
		APIGroups: []string{"grants.test"},
		Resources: []string{strings.ToLower(rand.Text())},
		Verbs:     []string{"get"},
	}
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "test-" + string(user)},
		Rules:      append([]rbacv1.PolicyRule{mark}, rules...),
	}
	if err := c.putRole(ctx, role); err != nil {
		return err
	}
	if err := c.bindRole(ctx, role.Name, user); err != nil {
		return err
	}
	return poll.Until(ctx, func(ctx context.Context) error { return c.granted(ctx, user, mark) })
}

func (c *Cluster) putRole(ctx context.Context, role *rbacv1.ClusterRole) error {
	roles := c.clients.RbacV1().ClusterRoles()
	_, err := roles.Create(ctx, role, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = roles.Update(ctx, role, metav1.UpdateOptions{})
	}
	return err
}

func (c *Cluster) bindRole(ctx context.Context, role string, user User) error {
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: string(user)}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}
	_, err := c.clients.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func (c *Cluster) granted(ctx context.Context, user User, mark rbacv1.PolicyRule) error {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: string(user),
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: mark.Verbs[0], Group: mark.APIGroups[0], Resource: mark.Resources[0],
		},
	}}
	answer, err := c.clients.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if !answer.Status.Allowed {
		return fmt.Errorf("what was granted to the user %s is not in force yet", user)
	}
	return nil
}
